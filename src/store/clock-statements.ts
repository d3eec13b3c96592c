/**
 * What a machine's clock that was set back leaves in the store: moments ahead of now, which nobody may wait for.
 * `:name` parameters.
 */
export const CLOCK_SQL = {
  /** Epoch ms of the latest thing that is known to have happened. */
  readNewest: `
    select max(at) as at
      from (select at from activity where activity_id = (select max(activity_id) from activity)
            union all select max(read_at) from cursor
            union all select max(accepted_at) from request where settled_at is null) as dated`,

  freeLinks: 'update link set lease_owner = null, lease_until = 0 where lease_until > :now',
  showRequestsDue: `
    update request set next_attempt_at = :now where settled_at is null and next_attempt_at > :now`,
  /** Whoever waits for the callback waits for as long as when the chunk came. */
  makeChunksDue: `
    update chunk set run_at = :now,
                     deadline = case when received_at > :now then deadline - received_at + :now else deadline end
     where ended_at is null and run_at > :now`,
  makeReplicasDue: 'update replica set due_at = :now where due_at > :now',
  makeAliasesDue: 'update alias set due_at = :now where due_at > :now',
} as const
