/**
 * Which organisation and which subscription a store is about: record ids, links and values mean nothing elsewhere.
 * `marketo-host` stands for a subscription whose id is not configured and cannot be seen from its address.
 */
export type BindingKind = 'organisation' | 'subscription' | 'marketo-host'

export interface Bindings {
  /** Remembered for good where nothing was remembered. Gives what is remembered now. */
  bind(kind: BindingKind, value: string): Promise<string>
  /** undefined = nothing is remembered. */
  bound(kind: BindingKind): Promise<string | undefined>
}
