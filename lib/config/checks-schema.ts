import { z } from 'zod';
import { parseFieldPath } from '../domain/field-path.js';

const common = {
  name: z.string().regex(/^[\w.-]{1,60}$/, { error: 'letters, digits, _, . and -, at most 60' }),
  stages: z
    .array(z.enum(['before', 'after']))
    .min(1)
    .default(['before', 'after'])
    .describe('Before the merge request, after the upgrade, or both'),
  timeout_seconds: z.number().positive().max(60).default(10),
};
const field = z.string().refine((text) => parseFieldPath(text) !== undefined, {
  error: 'is not a path of fields such as {.status.numberReady} or {.items[*].spec.replicas}',
});
const API_PATH =
  /^\/(?:api\/v1|apis\/[a-z0-9.-]+\/v\w+)(?:\/namespaces\/[a-z0-9.-]+)?\/[a-z]+(?:\/[a-z0-9.:-]+)?$/;

const kubectl = z.strictObject({
  kind: z.literal('kubectl'),
  ...common,
  resource: z
    .string()
    .regex(API_PATH, {
      error:
        'is not a path of the Kubernetes API such as /apis/apps/v1/namespaces/logging/daemonsets/promtail',
    })
    .describe('One object, or a collection; a collection is read as {items: [...]}'),
  label_selector: z.string().min(1).optional().describe('For a collection'),
  path: field.describe('What is looked at: the fields of kubectl -o jsonpath'),
  expected_value: z.union([z.string(), z.number(), z.boolean()]).optional(),
  expected_field: field.optional().describe('A path in the same answer that must have the same values'),
  maximum: z.number().optional().describe('For numbers: none may be higher'),
});

const healthEndpoint = z.strictObject({
  kind: z.literal('health_endpoint'),
  ...common,
  url: z
    .string()
    .refine((text) => parseServiceUrl(text) !== undefined, {
      error: 'is not the address of a service in the cluster such as http://name.namespace:8080/ready',
    })
    .describe('Every ready pod behind the service is asked for it and must answer with 200'),
});

export const checkSchema = z
  .discriminatedUnion('kind', [kubectl, healthEndpoint])
  .superRefine((check, issues) => {
    if (check.kind !== 'kubectl') return;
    const limits = [check.expected_value, check.expected_field, check.maximum].filter(
      (one) => one !== undefined,
    );
    if (limits.length !== 1)
      issues.addIssue({ code: 'custom', message: 'needs one of expected_value, expected_field and maximum' });
  });

export type DeclaredCheck = z.infer<typeof checkSchema>;

export interface ServiceAddress {
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
}

/** `http://name.namespace[.svc[.cluster.local]][:port]/path`; plain HTTP only. */
export function parseServiceUrl(text: string): ServiceAddress | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, pathname, search } = new URL(text);
  const match = /^([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?$/.exec(hostname);
  if (protocol !== 'http:' || !match) return undefined;
  return { service: match[1]!, namespace: match[2]!, port: Number(port || 80), path: pathname + search };
}
