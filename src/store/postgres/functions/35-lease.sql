-- Who leads, at the instant in which what they found out is written.

-- Whether the lease on the background sync is of this fence and not over; it cannot be taken over before the
-- transaction ends. Null: the writer needs none.
create function require_fence(required bigint) returns boolean language plpgsql as $$
begin
  if required is null then return true; end if;
  perform from lease where name = 'background-sync' and fence = required for share;
  -- Waiting for the row may have taken until after its end.
  return found and exists (
    select from lease where name = 'background-sync' and until > extract(epoch from clock_timestamp()) * 1000);
end $$;
