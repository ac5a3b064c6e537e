/**
 * Just enough of protobuf to read what kubectl sends for a review of permissions: messages of texts and messages.
 * Source: Kubernetes API concepts, "Protobuf encoding", and generated.proto of authorization/v1.
 */
const MAGIC = Buffer.from('k8s\0');
const LENGTH_DELIMITED = 2;

/** Names of the fields that are read, by number; a nested message has its own. */
interface Shape {
  readonly [field: number]: string | readonly [name: string, shape: Shape];
}

const REVIEW: Shape = {
  2: [
    'spec',
    {
      1: [
        'resourceAttributes',
        { 1: 'namespace', 2: 'verb', 3: 'group', 4: 'version', 5: 'resource', 6: 'subresource', 7: 'name' },
      ],
      2: ['nonResourceAttributes', { 1: 'path', 2: 'verb' }],
    },
  ],
};

export function isProtobuf(body: Buffer): boolean {
  return body.subarray(0, MAGIC.length).equals(MAGIC);
}

/** A SelfSubjectAccessReview in its envelope, as the object that JSON would have been. */
export function readReview(body: Buffer): object {
  // The envelope: 1 is its type, 2 the object.
  const raw = fieldsOf(body.subarray(MAGIC.length)).find(({ field }) => field === 2)?.bytes;
  return messageOf(raw ?? Buffer.alloc(0), REVIEW);
}

function messageOf(bytes: Buffer, shape: Shape): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const { field, bytes: value } of fieldsOf(bytes)) {
    const known = shape[field];
    if (known === undefined) continue;
    if (typeof known === 'string') {
      // An empty text and one that is left out mean the same.
      if (value.length > 0) found[known] = value.toString('utf8');
    } else found[known[0]] = messageOf(value, known[1]);
  }
  return found;
}

function fieldsOf(bytes: Buffer): { field: number; bytes: Buffer }[] {
  const fields: { field: number; bytes: Buffer }[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) throw new Error('not protobuf');
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    if ((key & 7) !== LENGTH_DELIMITED) throw new Error('a field that is no text and no message');
    const length = varint();
    fields.push({ field: key >>> 3, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return fields;
}
