import { AwsError } from '../executions.js';
import type { Identities } from './identities.js';
import type { AwsCall, Reply } from './protocol.js';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** STS speaks the Query protocol: a form in, XML out. */
export function createSts(options: { identities: Identities; account: string; now: () => number }) {
  function assumeRole(form: URLSearchParams): string {
    const roleArn = required(form, 'RoleArn');
    const sessionName = required(form, 'RoleSessionName');
    if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/.+/.test(roleArn)) {
      throw new AwsError('ValidationError', `${roleArn} is invalid`);
    }
    if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) {
      throw new AwsError('ValidationError', `Value '${sessionName}' at 'roleSessionName' is invalid`);
    }
    const duration = Number(form.get('DurationSeconds') ?? 3600);
    if (!Number.isInteger(duration) || duration < 900 || duration > 43_200) {
      throw new AwsError('ValidationError', "'durationSeconds' must be between 900 and 43200");
    }
    const given = options.identities.assume(
      roleArn,
      form.get('ExternalId') ?? undefined,
      sessionName,
      duration,
    );
    return [
      `<AssumedRoleUser><Arn>${escapeXml(given.assumedRoleArn)}</Arn><AssumedRoleId>${escapeXml(given.assumedRoleId)}</AssumedRoleId></AssumedRoleUser>`,
      `<Credentials><AccessKeyId>${given.accessKeyId}</AccessKeyId><SecretAccessKey>${given.secretAccessKey}</SecretAccessKey>`,
      `<SessionToken>${given.sessionToken}</SessionToken><Expiration>${new Date(given.expiration).toISOString()}</Expiration></Credentials>`,
    ].join('');
  }

  function callerIdentity(call: AwsCall): string {
    const identity =
      call.accessKeyId === undefined ? undefined : options.identities.identify(call.accessKeyId);
    const arn = identity?.assumedRoleArn ?? callerArn(options.account);
    const account = arn.split(':')[4];
    return `<Arn>${escapeXml(arn)}</Arn><UserId>${escapeXml(identity?.assumedRoleId ?? 'AIDAGUARDLOCAL')}</UserId><Account>${account}</Account>`;
  }

  return {
    answer(form: URLSearchParams, call: AwsCall): Reply {
      const action = form.get('Action') ?? '';
      let result: string;
      if (action === 'AssumeRole') result = assumeRole(form);
      else if (action === 'GetCallerIdentity') result = callerIdentity(call);
      else {
        throw new AwsError(
          'InvalidAction',
          `Could not find operation ${action}; of the Query protocol the embedded engine has STS AssumeRole and GetCallerIdentity`,
        );
      }
      const body = `<${action}Response xmlns="${NAMESPACE}"><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>${call.requestId}</RequestId></ResponseMetadata></${action}Response>`;
      // By this header a command in another process learns of the simulated time that EKS tokens are judged by.
      const date = new Date(options.now()).toUTCString();
      return { status: 200, headers: { 'content-type': 'text/xml', date }, body };
    },
  };
}

/** Who the engine takes an unknown access key for: a user of its own account. */
export function callerArn(account: string): string {
  return `arn:aws:iam::${account}:user/guard-local`;
}

export function queryError(error: AwsError, requestId: string): Reply {
  const type = error.statusCode < 500 ? 'Sender' : 'Receiver';
  return {
    status: error.statusCode,
    headers: { 'content-type': 'text/xml' },
    body: `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>${type}</Type><Code>${escapeXml(error.name)}</Code><Message>${escapeXml(error.message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
  };
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value === null || value === '') {
    throw new AwsError('ValidationError', `1 validation error detected: '${name}' must not be null`);
  }
  return value;
}

function escapeXml(value: string): string {
  return value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
