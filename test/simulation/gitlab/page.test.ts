import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { renderMarkdown } from '../../../lib/simulation/gitlab/markdown.js';
import { type GitlabWorld, gitlabWorld, PROJECT } from '../../support/gitlab-world.js';

let world: GitlabWorld;
beforeEach(async () => {
  world = await gitlabWorld();
});
afterEach(() => world.stop());

const page = async (path: string) => (await fetch(`${world.gitlab.url}${path}`)).text();
const one = `/${PROJECT}/-/merge_requests/1`;
const press = (act: string, headers: Record<string, string> = {}) =>
  fetch(world.gitlab.url + one, {
    method: 'POST',
    body: new URLSearchParams({ act }),
    headers,
    redirect: 'manual',
  });
const state = () => world.gitlab.model.request(PROJECT, 1)!.state;

describe('the page', () => {
  it('is where a merge request’s web_url leads, with its diff and its notes', async () => {
    const { json } = await world.propose(
      'up',
      { 'a/istiod.yaml': 'version: "1.30.2"\n' },
      { labels: 'ROLLBACK' },
    );
    await world.api('POST', '/projects/:p/merge_requests/1/notes', { body: '**soak** passed' });
    expect(json.web_url).toBe(world.gitlab.url + one);
    const html = await page(one);
    expect(html).toContain('<span class="add">+version: &quot;1.30.2&quot;</span>');
    expect(html).toContain('<strong>soak</strong> passed');
    expect(html).toContain('label alarm">ROLLBACK');
    expect(await page('/')).toContain(`href="${one}"`);
  });

  it('marks as ready and merges with one button, and shows the result', async () => {
    await world.propose('up', { 'a/istiod.yaml': 'x\n' }, { title: 'Draft: up' });
    const answer = await press('ready-and-merge');
    expect([answer.status, answer.headers.get('location')]).toEqual([303, one]);
    expect(state()).toBe('merged');
    expect(await page(one)).not.toContain('<button');
  });

  it('says why GitLab refuses a merge', async () => {
    await world.propose('up', { 'a/istiod.yaml': 'x\n' }, { title: 'Draft: up' });
    const answer = await press('merge');
    expect([answer.status, await answer.text()]).toEqual([405, expect.stringContaining('GitLab refuses')]);
  });

  it('closes, but not when another site sends the form', async () => {
    await world.propose('up', { 'a/istiod.yaml': 'x\n' });
    await press('close', { 'sec-fetch-site': 'cross-site' });
    expect(state()).toBe('opened');
    await press('close');
    expect(state()).toBe('closed');
  });

  it('shows markup in titles, paths and branches as text', async () => {
    await world.propose('<b>', { '<i>.yaml': '<script>\n' }, { title: '<script>alert(1)</script>' });
    expect(await page(one)).not.toMatch(/<script>|<b>|<i>/);
    expect(await page('/')).not.toContain('<script>');
  });

  it('answers 404 for what there is not', async () => {
    expect((await fetch(`${world.gitlab.url}/${PROJECT}/-/merge_requests/9`)).status).toBe(404);
  });
});

describe('renderMarkdown', () => {
  it.each([
    ['# A `b`', '<h2>A <code>b</code></h2>'],
    [
      '- [x] one\n- [ ] two',
      '<ul><li><input type="checkbox" disabled checked> one</li><li><input type="checkbox" disabled> two</li></ul>',
    ],
    ['1. one\n2. two', '<ol><li>one</li><li>two</li></ol>'],
    ['```yaml\n<a> **b**\n```', '<pre><code>&lt;a&gt; **b**</code></pre>'],
    ['[x](https://e.com/?a=1&b)', '<p><a href="https://e.com/?a=1&amp;b" rel="noreferrer">x</a></p>'],
    ['[x](javascript:alert(1))', '<p>[x](javascript:alert(1))</p>'],
    ['a \\*b\\* &lt;c&gt; <d>', '<p>a *b* &lt;c&gt; &lt;d&gt;</p>'],
    ['<!-- marker -->', ''],
    [
      '<details><summary>All</summary>\n\nx\n\n</details>',
      '<details><summary>All</summary>\n<p>x</p>\n</details>',
    ],
    ['> q', '<blockquote><p>q</p></blockquote>'],
    ['---\n\nafter', '<hr>\n<p>after</p>'],
    ['```\nnever closed', '<pre><code>never closed</code></pre>'],
  ])('renders %j', (markdown, html) => {
    expect(renderMarkdown(markdown)).toBe(html);
  });

  it('renders a table whose cells hold escaped bars', () => {
    expect(renderMarkdown('| a | b |\n| --- | --- |\n| `x\\|y` | 2 |')).toBe(
      '<div class="wide"><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>' +
        '<tr><td><code>x|y</code></td><td>2</td></tr></tbody></table></div>',
    );
  });
});
