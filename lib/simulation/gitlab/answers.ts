/** What a request is answered with. `undefined` body: none. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** GitLab's refusals: `message` is a string, a list or a map of lists, and clients must cope with all three. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, message: unknown, key: 'message' | 'error' = 'message') {
    super(typeof message === 'string' ? message : JSON.stringify(message));
    this.name = 'ApiError';
    this.status = status;
    this.body = { [key]: message };
  }
}

export function notFound(what: string): ApiError {
  return new ApiError(404, `404 ${what}Not Found`);
}

export function missing(parameter: string): ApiError {
  return new ApiError(400, `${parameter} is missing`, 'error');
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** One page of a list, with GitLab's headers. `target`: path and query as they were sent. */
export function page(all: readonly unknown[], target: URL): Answer {
  const { searchParams: query } = target;
  const perPage = Math.min(100, wholeNumber(query.get('per_page'), 20));
  const here = wholeNumber(query.get('page'), 1);
  const pages = Math.max(1, Math.ceil(all.length / perPage));
  const link = (number: number, rel: string): string => {
    const url = new URL(target);
    url.searchParams.set('page', String(number));
    url.searchParams.set('per_page', String(perPage));
    return `<${url}>; rel="${rel}"`;
  };
  const links = [
    ...(here > 1 ? [link(here - 1, 'prev')] : []),
    ...(here < pages ? [link(here + 1, 'next')] : []),
    link(1, 'first'),
    link(pages, 'last'),
  ];
  return {
    status: 200,
    body: all.slice((here - 1) * perPage, here * perPage),
    headers: {
      link: links.join(', '),
      'x-total': String(all.length),
      'x-total-pages': String(pages),
      'x-per-page': String(perPage),
      'x-page': String(here),
      'x-next-page': here < pages ? String(here + 1) : '',
      'x-prev-page': here > 1 ? String(here - 1) : '',
    },
  };
}

/** `pagination=keyset`: no numbers and no totals, only the way to the next page. */
export function keysetPage(all: readonly { id: string }[], target: URL): Answer {
  const perPage = Math.min(100, wholeNumber(target.searchParams.get('per_page'), 20));
  const token = target.searchParams.get('page_token');
  const start = token === null ? 0 : all.findIndex(({ id }) => id === token) + 1;
  const items = all.slice(start, start + perPage);
  const last = items.at(-1);
  if (!last || start + perPage >= all.length) return { status: 200, body: items };
  const url = new URL(target);
  url.searchParams.set('page_token', last.id);
  return { status: 200, body: items, headers: { link: `<${url}>; rel="next"` } };
}

function wholeNumber(text: string | null, otherwise: number): number {
  const number = Number(text ?? otherwise);
  return Number.isInteger(number) && number > 0 ? number : otherwise;
}
