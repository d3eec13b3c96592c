-- Blocks of starts and slots that replicas take of what they share. The row of the quota is held by one at a time.

-- What was not started of earlier blocks is there again, and nothing of them will be started later. Gives how many
-- starts of the day come back.
create function close_blocks(ask jsonb, at bigint, day_end bigint) returns bigint language sql as $$
  with mine as (
    select number as closing, starts as taken,
           case when number = (ask->'spent'->'number')::bigint
                then least(starts, (ask->'spent'->'starts')::bigint) else 0 end as started
      from quota_block
     where name = ask->>'name' and replica = ask->>'replica' and number >= (ask->'spent'->'number')::bigint
  ), closed as (
    update quota_block set starts = started, ends_at = least(ends_at, at)
      from mine
     where name = ask->>'name' and replica = ask->>'replica' and number = closing
    returning case when day_ends_at = day_end then taken - started else 0 end as unused
  )
  select coalesce(sum(unused), 0)::bigint from closed
$$;

-- What is over goes. A clock that was set back makes nobody wait until its time comes again.
create function clear_quota(quota_name text, limits jsonb, at bigint) returns void language plpgsql as $$
declare
  block_end constant bigint := at + (limits->'blockMs')::bigint;
  lease_end constant bigint := at + (limits->'leaseMs')::bigint;
begin
  delete from quota_replica where name = quota_name and slots_until <= at;
  update quota_replica set slots_until = lease_end where name = quota_name and slots_until > lease_end;
  delete from quota_block
   where name = quota_name and ends_at <= at - coalesce((limits->'window'->'ms')::bigint, 0);
  update quota_block set ends_at = block_end where name = quota_name and ends_at > block_end;
end $$;

create function next_midnight(zone text, at bigint) returns bigint language sql immutable as $$
  select (extract(epoch from
           (date_trunc('day', to_timestamp(at / 1000.0) at time zone zone) + interval '1 day') at time zone zone
         ) * 1000)::bigint
$$;

create function move_times(learned jsonb, by_ms bigint) returns jsonb language sql immutable as $$
  select learned || jsonb_build_object('times', (
    select coalesce(jsonb_object_agg(key, round(value::numeric)::bigint + by_ms), '{}')
      from jsonb_each_text(learned->'times')))
$$;

-- Slots go round one by one, first to whoever was served longest ago, and to the background when nobody else wants one.
create function fair_slots(quota_name text, one text, most bigint, most_behind bigint) returns bigint
language sql stable as $$
  select count(*) from (
    select replica, behind, row_number() over (order by behind, turn, served_at, replica) as place
      from (select replica, served_at, false as behind, generate_series(1, least(wanted, most)) as turn
              from quota_replica where name = quota_name
             union all
            select replica, served_at, true, generate_series(1, least(wanted_behind, most_behind))
              from quota_replica where name = quota_name) as wish
  ) as wish
  where replica = one and place <= case when behind then most_behind else most end
$$;

-- The replica's slots: a call may start while fewer are in flight. Together all replicas hold no more than there are.
create function take_slots(ask jsonb, at bigint, concurrency bigint) returns jsonb language plpgsql as $$
declare
  limits constant jsonb := ask->'limits';
  quota_name constant text := ask->>'name';
  me constant text := ask->>'replica';
  in_flight constant bigint := ask->'inFlight';
  most constant bigint := greatest(1, least(concurrency, (limits->'slotsMax')::bigint));
  reserve constant bigint := greatest((limits->'reservedSlots')::bigint,
                                      round(most * (limits->'reservedSlotShare')::numeric)::bigint);
  most_behind constant bigint := greatest(1, most - reserve);
  others_hold bigint;
  mine bigint;
begin
  insert into quota_replica
         (name, replica, number, wanted, wanted_behind, slots, slots_until, served_at, answer)
  values (quota_name, me, (ask->'number')::bigint, in_flight + (ask->'waiting'->'calls')::bigint,
          (ask->'waiting'->'background')::bigint, 0, at + (limits->'leaseMs')::bigint, 0, '')
      on conflict (name, replica) do update
     set number = excluded.number, wanted = excluded.wanted, wanted_behind = excluded.wanted_behind,
         slots_until = excluded.slots_until;
  select coalesce(sum(slots), 0) into others_hold from quota_replica where name = quota_name and replica <> me;
  mine := greatest(0, least(fair_slots(quota_name, me, most, most_behind), most - others_hold));
  -- Calls in flight cannot be taken back; where there are fewer slots by now, no other one starts.
  update quota_replica
     set slots = greatest(in_flight, mine), served_at = case when mine > in_flight then at else served_at end
   where name = quota_name and replica = me;
  return jsonb_build_object('calls', mine, 'background', greatest(0, least(mine, most_behind - others_hold)));
end $$;

-- How many starts there are for everybody and for the background, before anybody's wishes.
create function room_for_starts(limits jsonb, quota_name text, slots bigint, day_calls bigint) returns bigint[]
language sql stable as $$
  select case
    when slots = 0 then array[0, 0]
    when limits ? 'window' then array[
      least((limits->'window'->'calls')::bigint - used, (limits->'day'->'calls')::bigint - day_calls,
            slots * (limits->'window'->'startsPerSlot')::bigint),
      least((limits->'window'->'background')::bigint - used, (limits->'day'->'background')::bigint - day_calls)]
    else array[2147483647, 2147483647] end
  from (select coalesce(sum(starts), 0)::bigint as used from quota_block where name = quota_name) as counted
$$;

create function fit_starts(wanted jsonb, room bigint, room_behind bigint) returns jsonb language sql immutable as $$
  select jsonb_build_object('calls', calls, 'background',
           greatest(0, least((wanted->'background')::bigint, room - calls, room_behind - calls)))
    from (select greatest(0, least((wanted->'calls')::bigint, room)) as calls) as first
$$;

-- Starts of the last window by their age, as far as they are not of the block that is being taken.
create function recent_starts(ask jsonb, at bigint) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_array(at - least(ends_at, at), starts) order by ends_at), '[]')
    from quota_block where name = ask->>'name' and starts > 0
$$;

-- The next block of one replica. Null: the replica has asked for a later one already. `given_at` is a test's time.
create function take_quota(ask jsonb, given_at bigint default null) returns jsonb
language plpgsql set search_path from current as $$
declare
  limits constant jsonb := ask->'limits';
  quota_name constant text := ask->>'name';
  shared quota;
  before quota_replica;
  at bigint;
  usable_ms bigint := limits->'blockMs';
  first_at bigint;
  published boolean := false;
  slots jsonb;
  room bigint[];
  spacing_ms bigint;
  starts jsonb;
  total bigint;
  given jsonb;
begin
  insert into quota (name) values (quota_name) on conflict do nothing;
  select * into shared from quota where name = quota_name for update;
  at := coalesce(given_at, (extract(epoch from clock_timestamp()) * 1000)::bigint);
  select * into before from quota_replica where name = quota_name and replica = ask->>'replica';
  -- Sent twice, it is one question with one answer.
  if before.number = (ask->'number')::bigint then return before.answer::jsonb; end if;
  if before.number > (ask->'number')::bigint then return null; end if;

  shared.day_calls := shared.day_calls - close_blocks(ask, at, shared.day_ends_at);
  perform clear_quota(quota_name, limits, at);
  if limits ? 'day' then
    if shared.day_ends_at <> next_midnight(limits->'day'->>'zone', at) then
      shared.day_ends_at := next_midnight(limits->'day'->>'zone', at);
      shared.day_calls := 0;
    end if;
    usable_ms := least(usable_ms, shared.day_ends_at - at);
  end if;
  if (ask->'publishes')::boolean and shared.version = (ask->'version')::bigint then
    published := true;
    shared.version := shared.version + 1;
    shared.learned := move_times(ask->'learned', at);
  end if;

  slots := take_slots(ask, at, (shared.learned::jsonb->'values'->'concurrency')::bigint);
  room := room_for_starts(limits, quota_name, (slots->'calls')::bigint, shared.day_calls);
  spacing_ms := coalesce((shared.learned::jsonb->'values'->'spacingMs')::bigint, 0);
  first_at := at;
  if spacing_ms > 0 then
    first_at := greatest(at, least(shared.next_start_at, at + usable_ms));
    room[1] := least(room[1], (at + usable_ms - first_at + spacing_ms - 1) / spacing_ms);
  end if;
  starts := fit_starts(ask->'starts', room[1], room[2]);
  total := (starts->'calls')::bigint + (starts->'background')::bigint;

  given := jsonb_build_object(
    'usableMs', usable_ms, 'fromInMs', first_at - at, 'starts', starts, 'slots', slots,
    'held', (select quota_replica.slots from quota_replica where name = quota_name and replica = ask->>'replica'),
    'living', (select count(*) from quota_replica where name = quota_name),
    'learned', move_times(shared.learned::jsonb, -at), 'version', shared.version, 'isPublished', published,
    'recent', recent_starts(ask, at),
    'day', jsonb_build_object('calls', shared.day_calls, 'endsInMs', shared.day_ends_at - at));
  if limits ? 'window' and total > 0 then
    insert into quota_block values
      (quota_name, ask->>'replica', (ask->'number')::bigint, total, at + usable_ms, shared.day_ends_at);
    shared.day_calls := shared.day_calls + total;
  end if;
  if spacing_ms > 0 then shared.next_start_at := first_at + total * spacing_ms; end if;
  update quota set version = shared.version, learned = shared.learned, next_start_at = shared.next_start_at,
                   day_ends_at = shared.day_ends_at, day_calls = shared.day_calls
   where name = quota_name and quota is distinct from shared;
  update quota_replica set answer = given::text where name = quota_name and replica = ask->>'replica';
  return given;
end $$;
