export type DatadogFaults = Readonly<Record<string, unknown>>;
