/** People's channels: chat, paging, a webhook. */
export interface Notifier {
  /** Sends to every configured channel; reports those that failed. Repeating an `id` must not page twice. */
  send(
    notification: Notification,
  ): Promise<{ sent: string[]; failed: { channel: string; reason: string }[] }>;
}

export interface Notification {
  readonly id: string;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly title: string;
  readonly text: string;
  readonly links: readonly { readonly title: string; readonly url: string }[];
}
