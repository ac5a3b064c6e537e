/** What differs between accounts and is no business of the handlers; the rest is in guard.yaml. */
export interface Stage {
  readonly name: string;
  /** Data outlives the stack, and tables are protected from deletion. */
  readonly keepData: boolean;
  readonly logRetentionDays: number;
  readonly archiveDays: number;
  /** False in accounts whose whole Lambda quota is small (new ones have 10): reservations would not fit. */
  readonly reserveConcurrency: boolean;
  /** Roles in the cluster accounts that may be assumed; `aws_role_arn` of the registry must match. */
  readonly clusterRoleName: string;
  /** Gets the alarms, after a confirmation by mail. */
  readonly alarmEmail?: string;
  /** A layer with istioctl in it, for `istio.istioctl_path: /opt/istioctl`. */
  readonly istioctlLayerArn?: string;
}
