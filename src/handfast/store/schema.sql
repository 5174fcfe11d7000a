-- The tables of Handfast, whole. A reader starts here; a test proves that the migrations build exactly this.
-- Every time is timestamptz (UTC). Text ids come from facts.stable_id. State columns are smallint or text with a CHECK.

CREATE TABLE contract (
    id          text PRIMARY KEY,                     -- hash of the content
    version     integer NOT NULL UNIQUE,              -- 1, 2, 3 in the order they were agreed
    name        text NOT NULL,
    motion      text NOT NULL,
    source      text NOT NULL,                        -- the YAML as its authors wrote it
    in_force_from timestamptz NOT NULL,               -- '-infinity' for the first
    recorded_at timestamptz NOT NULL,
    withdrawn_at timestamptz,                         -- taken back before its moment came: it never holds
    share       boolean NOT NULL DEFAULT false        -- holds for a share only, see canary_end
);

-- Proposals for the next version. Whoever saves one raises `revision`; a signature counts for the revision it was given for.
CREATE TABLE contract_draft (
    number      integer PRIMARY KEY,                  -- 1, 2, 3: people say "draft 3"
    source      text NOT NULL,
    content     text,                                 -- hash of its terms; NULL while it has problems
    takes_force timestamptz,                          -- the moment proposed; NULL: as soon as both have signed
    base        integer,                              -- the version it began from; NULL for the very first
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'agreed', 'withdrawn')),
    version     integer REFERENCES contract (version), -- what it became
    revision    integer NOT NULL DEFAULT 0,
    by          text NOT NULL,                        -- who saved it last: an account's e-mail address, or 'operator'
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL
);

-- What was done to drafts and versions, by whom; each row holds the hash of the row before it. See contract.history.
CREATE TABLE contract_history (
    seq         integer PRIMARY KEY,                  -- 1, 2, 3 without gaps
    kind        text NOT NULL CHECK (kind IN ('drafted', 'edited', 'signed', 'agreed', 'loaded', 'withdrawn', 'rolled_back')),
    at          timestamptz NOT NULL,
    by          text NOT NULL,
    side        text CHECK (side IN ('marketing', 'sales')),
    draft       integer,
    version     integer,
    content     text,                                 -- hash of the terms it was about
    data        jsonb NOT NULL,
    previous    text NOT NULL,
    hash        text NOT NULL UNIQUE
);
CREATE INDEX contract_history_draft ON contract_history (draft, seq) WHERE draft IS NOT NULL;

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME;
END $$;
CREATE TRIGGER contract_history_append_only BEFORE UPDATE OR DELETE ON contract_history FOR EACH ROW EXECUTE FUNCTION append_only();

-- Of a version nothing may change but that it is taken back, once, before its moment.
CREATE FUNCTION contract_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.withdrawn_at IS NULL AND NEW.withdrawn_at < OLD.in_force_from AND to_jsonb(NEW) - 'withdrawn_at' = to_jsonb(OLD) - 'withdrawn_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a version of the contract is never changed; a new one takes its place';
END $$;
CREATE TRIGGER contract_stays BEFORE UPDATE ON contract FOR EACH ROW EXECUTE FUNCTION contract_stays();
CREATE TRIGGER contract_append_only BEFORE DELETE ON contract FOR EACH ROW EXECUTE FUNCTION append_only();

CREATE TABLE rep (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    email       text NOT NULL UNIQUE,
    team        text NOT NULL DEFAULT '',
    manager_id  text REFERENCES rep (id) DEFERRABLE INITIALLY DEFERRED,
    time_zone   text NOT NULL DEFAULT 'UTC',
    active      boolean NOT NULL DEFAULT true
);

CREATE TABLE absence (
    rep_id      text NOT NULL REFERENCES rep (id),
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    why         text NOT NULL DEFAULT '',
    source      text NOT NULL DEFAULT '',             -- '' by hand or import, else the calendar it was read from
    PRIMARY KEY (rep_id, starts_at, source),
    CHECK (starts_at < ends_at)
);

CREATE TABLE account (
    id          text PRIMARY KEY,
    key         text NOT NULL UNIQUE,                 -- registrable domain, or 'source:external id'
    name        text NOT NULL DEFAULT '',
    domain      text,
    owner_id    text REFERENCES rep (id),             -- named-account owner
    fields      jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL
);
CREATE INDEX account_domain ON account (domain) WHERE domain IS NOT NULL;

CREATE TABLE person (
    id          text PRIMARY KEY,
    email       text UNIQUE,
    name        text NOT NULL DEFAULT '',
    account_id  text,
    fields      jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    merged_into text REFERENCES person (id),
    erased_at   timestamptz                           -- the person asked to be forgotten: the row is blank, and named by what is kept
);
CREATE INDEX person_account ON person (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX person_folded ON person (merged_into) WHERE merged_into IS NOT NULL;

-- What a person is known by. `who` is 'email:…', 'user:…' or 'visitor:…': see identity.keys.
-- Linking an anonymous visitor to a person is one row here; no signal is ever rewritten, so a link can be undone.
-- No reference is declared here, nor in other tables that a decision writes, to what is written in the same transaction a moment before or to what
-- every handoff names (a contract, a rep): checking them row by row was a sixth of what a handoff costs PostgreSQL, and it locks the same few
-- rows from every transaction. `handfast doctor` looks for strays in all of them.
CREATE TABLE identity (
    who         text PRIMARY KEY,
    person_id   text NOT NULL,
    since       timestamptz NOT NULL
);
CREATE INDEX identity_person ON identity (person_id);

-- Everything anybody did. Written once, never changed. `id` is the hash of source and message id: its uniqueness is
-- "counted once, for ever". `who` is the strongest key the signal carries (email, else user, else visitor).
CREATE TABLE signal (
    id          uuid PRIMARY KEY,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    source      text NOT NULL,
    kind        text NOT NULL,
    occurred_at timestamptz NOT NULL,                 -- corrected for the sender's clock
    received_at timestamptz NOT NULL,
    lane        smallint NOT NULL,                    -- where it first waited to be decided
    who         text NOT NULL,
    email       text,
    user_id     text,
    anonymous_id text,
    group_id    text,
    previous_id text,
    properties  jsonb NOT NULL DEFAULT '{}',
    person      jsonb,                                -- what the signal says of the person; NULL for nothing
    account     jsonb                                 -- and of the account
);
CREATE INDEX signal_who ON signal (who, occurred_at);

-- Signals not yet decided, by lane (a stable hash of the account key). Deleted in the transaction that decides them.
CREATE TABLE pending (
    lane        smallint NOT NULL,
    received_at timestamptz NOT NULL,
    seq         bigint NOT NULL,
    signal_id   uuid NOT NULL,
    PRIMARY KEY (lane, received_at, seq)
);

-- What a decision learned, in the order it was learned: the fields of a person or account as they were from then on, and whose a key became.
-- Replay reads a person's fields as they were known at each moment from here. Append only; nothing live reads it.
CREATE TABLE learned (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    noun        text NOT NULL CHECK (noun IN ('person', 'account', 'key')),
    id          text NOT NULL,                        -- person id, account id, or the key
    belongs_to  text,                                 -- a person's account; a key's person
    fields      jsonb,                                -- whole, as known from then on (of a person with `email`); NULL for a key
    at          timestamptz NOT NULL,                 -- when the signal that taught it was received
    signal_seq  bigint NOT NULL,                      -- that signal; of an import, the latest signal recorded before it
    imported    boolean NOT NULL DEFAULT false        -- told by an import: known to every signal recorded later
);

-- Replays asked for, how far each has come, and what it found. `state` is moved by whoever runs it; a page may ask it to stop.
CREATE TABLE replay_run (
    id          text PRIMARY KEY,                     -- hash of draft, period and starter
    contract_id text NOT NULL,                        -- the draft's id; it need not be among the versions
    name        text NOT NULL,                        -- what to call the draft on a page
    source      text NOT NULL,                        -- the draft as its authors wrote it
    since       timestamptz NOT NULL,
    until       timestamptz NOT NULL,
    touch_minutes integer NOT NULL,                   -- working time a handoff takes a rep
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'stopping', 'stopped', 'done', 'failed')),
    progress    double precision NOT NULL DEFAULT 0,  -- 0 to 1
    doing       text NOT NULL DEFAULT '',
    result      jsonb,                                -- the report, see docs/reference/replay.md
    asked_by    text NOT NULL,
    asked_at    timestamptz NOT NULL,
    told_at     timestamptz NOT NULL                  -- the last sign of life
);
CREATE INDEX replay_run_asked ON replay_run (asked_at);

-- The latest verdict of each person: what the last signal left them with.
CREATE TABLE standing (
    person_id   text PRIMARY KEY,
    at          timestamptz NOT NULL,                 -- the moment judged: the time of the signal that led to it
    contract_id text NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('ready', 'not_yet', 'never')),
    fit         integer NOT NULL,                     -- points
    intent      bigint NOT NULL,                      -- millionths of a point
    next_step   text,
    reason      text,                                 -- the never-rule that holds
    signal_id   uuid NOT NULL,
    facts       bigint                                -- digest of the contract and the fields it was given on; NULL: judge again
) WITH (fillfactor = 70);

-- Verdicts that changed something, with their working and the ids of what they were made from. Append only.
CREATE TABLE verdict (
    id          text PRIMARY KEY,
    person_id   text NOT NULL REFERENCES person (id),
    account_id  text,
    at          timestamptz NOT NULL,
    contract_id text NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('ready', 'not_yet', 'never')),
    fit         integer NOT NULL,
    intent      bigint NOT NULL,
    next_step   text,
    reason      text,
    signal_id   uuid NOT NULL,                        -- the signal that led to it
    inputs      uuid[] NOT NULL,                      -- every signal that counted
    working     json NOT NULL,                        -- list of criteria: see readiness.verdict; long, and never searched: kept as written
    recorded_at timestamptz NOT NULL
);
CREATE INDEX verdict_person ON verdict (person_id, at);

-- Verdicts given by hand, each about one person or one account, with a reason and an end. Nothing is changed but `lifted_at`.
CREATE TABLE readiness_override (
    id          text PRIMARY KEY,
    person_id   text REFERENCES person (id),
    account_id  text REFERENCES account (id),
    verdict     text NOT NULL CHECK (verdict IN ('ready', 'not_yet', 'never')),
    reason      text NOT NULL,
    by          text NOT NULL,                        -- who decided it: an address, a rep, a name
    since       timestamptz NOT NULL,
    until       timestamptz NOT NULL,
    lifted_at   timestamptz,                          -- taken back before its end
    CHECK ((person_id IS NULL) <> (account_id IS NULL)),
    CHECK (since < until)
);
CREATE INDEX readiness_override_person ON readiness_override (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX readiness_override_account ON readiness_override (account_id) WHERE account_id IS NOT NULL;

CREATE TABLE handoff (
    id          text PRIMARY KEY,
    motion      text NOT NULL,
    party       text NOT NULL,                        -- account id, or person id of one without an account
    account_id  text,
    person_id   text NOT NULL REFERENCES person (id), -- who opened it
    contract_id text NOT NULL,
    verdict_id  text NOT NULL REFERENCES verdict (id),
    source      text NOT NULL DEFAULT '',             -- campaign or channel of the opening signal
    next_step   text NOT NULL,
    sla         text,
    opened_at   timestamptz NOT NULL,                 -- when the signal that made it ready was received
    decided_at  timestamptz NOT NULL,
    owner_id    text,                                 -- NULL: in the exception queue
    assigned_at timestamptz,
    accepted_at timestamptz,                          -- the owner said: mine; NULL: not asked, or not yet
    touched_at  timestamptz,                          -- first attempt
    contacted_at timestamptz,                         -- first two-way exchange
    qualified_at timestamptz,                         -- opportunity opened
    meeting_at  timestamptz,                          -- meeting set
    closed_at   timestamptz,
    outcome     text CHECK (outcome IN ('connected', 'meeting_set', 'recycle', 'disqualify', 'returned')),
    reason      text,
    revision    integer NOT NULL DEFAULT 0,           -- one up with each change
    for_person  boolean NOT NULL DEFAULT false        -- in the exception queue until a person decides: never given out by itself
) WITH (fillfactor = 70);
-- Promise 2, kept by the database: at most one open handoff per party and motion.
CREATE UNIQUE INDEX handoff_open ON handoff (party, motion) WHERE closed_at IS NULL;
-- Its condition names the owner so that nobody who looks for an open handoff by its party is led through it by a planner without statistics.
CREATE INDEX handoff_owner ON handoff (owner_id) WHERE closed_at IS NULL AND owner_id IS NOT NULL;
CREATE INDEX handoff_opened ON handoff (opened_at);
CREATE INDEX handoff_ended ON handoff (party, closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX handoff_closed ON handoff (closed_at) WHERE closed_at IS NOT NULL;

-- How many open handoffs each rep has: the sum of their rows, which no decision has to count anew. Filled by triggers, so that no door can forget it.
-- A change is a row of its own, because whoever closes a handoff must neither wait for whoever gives one out nor keep them waiting; and many of
-- them become one row a rep from time to time. `handfast doctor` compares it with a count.
CREATE TABLE open_count (
    rep_id      text NOT NULL,
    change      integer NOT NULL
);
CREATE INDEX open_count_rep ON open_count (rep_id);
CREATE FUNCTION handoffs_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO open_count (rep_id, change)
    SELECT owner_id, count(*) FROM written WHERE owner_id IS NOT NULL AND closed_at IS NULL GROUP BY owner_id;
    -- Handoffs are opened under the assignment lock, so one at a time sums up. Of two, the second would wait and find nothing left of those rows.
    IF (SELECT count(*) FROM open_count) > 200 + 2 * (SELECT count(*) FROM rep) THEN
        WITH gone AS (DELETE FROM open_count RETURNING rep_id, change)
        INSERT INTO open_count (rep_id, change) SELECT rep_id, sum(change) FROM gone GROUP BY rep_id HAVING sum(change) <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION handoff_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.closed_at IS NULL AND OLD.owner_id IS NOT NULL THEN
        INSERT INTO open_count (rep_id, change) VALUES (OLD.owner_id, -1);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.closed_at IS NULL AND NEW.owner_id IS NOT NULL THEN
        INSERT INTO open_count (rep_id, change) VALUES (NEW.owner_id, 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER handoff_opened_counted AFTER INSERT ON handoff REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION handoffs_opened();
CREATE TRIGGER handoff_moved_counted AFTER UPDATE OF owner_id, closed_at ON handoff
    FOR EACH ROW WHEN ((OLD.owner_id, OLD.closed_at IS NULL) IS DISTINCT FROM (NEW.owner_id, NEW.closed_at IS NULL)) EXECUTE FUNCTION handoff_moved();
CREATE TRIGGER handoff_gone_counted AFTER DELETE ON handoff FOR EACH ROW EXECUTE FUNCTION handoff_moved();

-- The people a handoff is about: who opened it and who joined, each with the verdict that brought them.
CREATE TABLE handoff_person (
    handoff_id  text NOT NULL REFERENCES handoff (id),
    person_id   text NOT NULL,
    verdict_id  text NOT NULL,
    signal_id   uuid NOT NULL,
    source      text NOT NULL DEFAULT '',
    raised_at   timestamptz NOT NULL,                 -- when the person raised the hand (the signal's own time)
    joined_at   timestamptz NOT NULL,
    touched_at  timestamptz,
    contacted_at timestamptz,
    meeting_at  timestamptz,
    PRIMARY KEY (handoff_id, person_id)
);
CREATE INDEX handoff_person_person ON handoff_person (person_id);

-- One row a leg: owner, the rule that chose, every candidate skipped and why. owner NULL: exception queue.
CREATE TABLE assignment (
    id          text PRIMARY KEY,
    handoff_id  text NOT NULL REFERENCES handoff (id),
    leg         integer NOT NULL,
    owner_id    text,
    rule        text NOT NULL,                        -- named_account, territory, pool, reassign, manual, exception
    pool        text,
    counts      boolean NOT NULL,                     -- whether it took a turn in the pool
    working     jsonb NOT NULL,
    at          timestamptz NOT NULL,
    UNIQUE (handoff_id, leg)
);

-- Whose turn it is. `level` is turns taken divided by weight; a joiner starts at the pool's level.
CREATE TABLE rotation (
    pool        text NOT NULL,
    rep_id      text NOT NULL REFERENCES rep (id),
    turns       integer NOT NULL DEFAULT 0,
    level       double precision NOT NULL DEFAULT 0,
    last_at     timestamptz,
    PRIMARY KEY (pool, rep_id)
) WITH (fillfactor = 70);

CREATE TABLE brief (
    handoff_id  text PRIMARY KEY REFERENCES handoff (id),
    composed_at timestamptz NOT NULL,
    body        json NOT NULL                         -- as `verdict.working`
);

CREATE TABLE clock (
    id          text PRIMARY KEY,
    handoff_id  text REFERENCES handoff (id),         -- NULL: one of marketing's measures, which are about a period
    kind        text NOT NULL CHECK (kind IN ('first_touch', 'exception', 'accept', 'next_touch', 'disposition', 'context_complete',
                                              'contact_valid', 'volume', 'false_positives')),
    number      integer NOT NULL DEFAULT 0,           -- the n-th of its kind
    current     boolean NOT NULL DEFAULT true,        -- false: another of its kind has taken its place; it is kept, and reported
    sla         text NOT NULL,                        -- the promise: an SLA's name, or exceptions, follow_up, marketing
    calendar    text NOT NULL,                        -- team, always, rep@ZONE, or one of the contract's
    contract_id text,                                 -- whose terms; NULL: the handoff's own contract
    started_at  timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    stopped_at  timestamptz,                          -- the touch that met it, or the end of the handoff
    stopped_by  text,                                 -- touch, closed, assigned, accepted, passed_on, disposition, answered, complete, …
    breached_at timestamptz,                          -- when the breach was noticed; due_at says when it happened
    paused_at   timestamptz,                          -- it stands still since then
    about       jsonb,                                -- of a measure: period, value, bar; of a promise: how long it was
    UNIQUE (handoff_id, kind, number)
) WITH (fillfactor = 70);
CREATE INDEX clock_running ON clock (due_at) WHERE stopped_at IS NULL;

-- The steps a clock still owes. One row fires once: `state` is flipped by whoever claims it.
CREATE TABLE timer (
    id          text NOT NULL,                        -- from clock and step, so as unique as they are; no index of its own
    clock_id    text NOT NULL,
    handoff_id  text,                                 -- the clock's; its reference is the clock's too
    step        integer NOT NULL,                     -- 0, 1, 2 … in the order of due times
    action      text NOT NULL CHECK (action IN ('remind', 'tell', 'offer', 'reassign', 'off_rotation', 'return_to', 'breach', 'task', 'resume',
                                                'recycle')),
    target      text NOT NULL,                        -- owner, manager, a channel, a pool, marketing, a pause, a reason
    due_at      timestamptz NOT NULL,
    state       smallint NOT NULL DEFAULT 0,          -- 0 waiting, 1 fired, 2 no longer owed, 3 standing still with its clock
    settled_at  timestamptz,
    PRIMARY KEY (clock_id, step)
) WITH (fillfactor = 70);
CREATE INDEX timer_due ON timer (due_at) WHERE state = 0;

-- Messages, written with their cause. `id` is the idempotency key the receiver sees.
CREATE TABLE outbox (
    id          text PRIMARY KEY,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    handoff_id  text REFERENCES handoff (id),         -- NULL: about no single handoff
    kind        text NOT NULL,                        -- handoff_opened, reminder, breach, reassigned, returned, joined, …
    channel     text NOT NULL,                        -- email, slack, webhook, apprise
    recipient   text NOT NULL,                        -- rep id, 'marketing', 'channel:NAME', or an endpoint's name
    owner_id    text,                                 -- who owned the handoff when it was written
    payload     jsonb NOT NULL,                       -- ids of people, never their names
    created_at  timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dropped', 'dead')),
    attempt     integer NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL,
    lease_until timestamptz,
    settled_at  timestamptz,
    why         text                                  -- why dropped or dead, or the last failure
) WITH (fillfactor = 70);
CREATE INDEX outbox_waiting ON outbox (next_at) WHERE state = 'waiting';
CREATE INDEX outbox_handoff ON outbox (handoff_id);
CREATE INDEX outbox_dead ON outbox (settled_at) WHERE state = 'dead';

CREATE TABLE touch (
    id          text PRIMARY KEY,
    handoff_id  text REFERENCES handoff (id),         -- NULL: no open handoff at that time
    person_id   text NOT NULL REFERENCES person (id),
    rep_id      text REFERENCES rep (id),
    kind        text NOT NULL CHECK (kind IN ('call', 'email', 'message', 'social', 'meeting', 'other')),
    contact     boolean NOT NULL,
    evidence    text NOT NULL CHECK (evidence IN ('evidenced', 'declared')),
    source      text NOT NULL DEFAULT '',
    note        text NOT NULL DEFAULT '',
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX touch_handoff ON touch (handoff_id, occurred_at);
CREATE INDEX touch_person ON touch (person_id, occurred_at);

CREATE TABLE disposition (
    id          text PRIMARY KEY,
    handoff_id  text NOT NULL REFERENCES handoff (id),
    outcome     text NOT NULL CHECK (outcome IN ('connected', 'meeting_set', 'recycle', 'disqualify', 'returned')),
    reason      text,
    note        text NOT NULL DEFAULT '',
    back_at     timestamptz,                          -- recycled: when they may come back
    meeting_at  timestamptz,                          -- meeting set: when it takes place
    by          text NOT NULL,                        -- rep id, or 'handfast'
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    answers     jsonb NOT NULL DEFAULT '{}',          -- what the reason requires beside a note
    passed_on   boolean NOT NULL DEFAULT false        -- it did not end the handoff, which went on to somebody else
);
CREATE INDEX disposition_handoff ON disposition (handoff_id, at);

CREATE TABLE opportunity (
    id          text PRIMARY KEY,
    handoff_id  text REFERENCES handoff (id),
    person_id   text REFERENCES person (id),
    account_id  text REFERENCES account (id),
    owner_id    text REFERENCES rep (id),
    stage       text NOT NULL,
    amount      double precision,
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz,
    won         boolean,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX opportunity_person ON opportunity (person_id);
CREATE INDEX opportunity_handoff ON opportunity (handoff_id);
CREATE INDEX opportunity_account ON opportunity (account_id) WHERE account_id IS NOT NULL;

-- Every change of state, in the past tense, written with the change. Append only.
CREATE TABLE event (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,                        -- handoff_opened, person_joined, assigned, touched, breached, …
    at          timestamptz NOT NULL,
    handoff_id  text,
    person_id   text,
    account_id  text,
    rep_id      text,
    data        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX event_handoff ON event (handoff_id, seq);
CREATE INDEX event_person ON event (person_id, seq) WHERE person_id IS NOT NULL;
CREATE INDEX event_measured ON event (at) WHERE name = 'promise_measured';

-- What was refused at a door, kept whole so that it can be mended and replayed.
CREATE TABLE intake_problem (
    id          text PRIMARY KEY,                     -- hash of source and payload: the same refusal twice is one row
    source      text NOT NULL,
    received_at timestamptz NOT NULL,
    part        text NOT NULL,                        -- which field
    what        text NOT NULL,
    fix         text NOT NULL,
    payload     jsonb,                                -- the event as it came; NULL where it was not JSON
    raw         text,                                 -- the text as it came, where it was not JSON
    times       integer NOT NULL DEFAULT 1,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'dismissed')),
    settled_at  timestamptz
);
CREATE INDEX intake_problem_open ON intake_problem (received_at) WHERE state = 'open';

CREATE TABLE write_key (
    digest      bytea PRIMARY KEY,                    -- SHA-256 of the key; the key itself is never stored
    source      text NOT NULL,
    created_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);

-- How far an import has come, by the digest of its file and mapping: a second run starts there.
CREATE TABLE import_run (
    id          text PRIMARY KEY,
    file        text NOT NULL,
    kind        text NOT NULL,
    done_rows   bigint NOT NULL DEFAULT 0,
    added       bigint NOT NULL DEFAULT 0,
    refused     bigint NOT NULL DEFAULT 0,
    finished_at timestamptz
);

CREATE TABLE login (
    id          text PRIMARY KEY,
    email       text NOT NULL UNIQUE,
    name        text NOT NULL,
    role        text NOT NULL CHECK (role IN ('rep', 'manager', 'marketing', 'revops', 'leader')),
    rep_id      text REFERENCES rep (id),
    password    text NOT NULL,                        -- scrypt, with its parameters and salt
    created_at  timestamptz NOT NULL
);

CREATE TABLE session (
    digest      bytea PRIMARY KEY,                    -- SHA-256 of the cookie's token
    login_id    text NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    started_at  timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL
);

-- Small facts about the installation: heartbeat of the workers, the last contract that did not read.
CREATE TABLE note (
    key         text PRIMARY KEY,
    value       jsonb NOT NULL,
    at          timestamptz NOT NULL
) WITH (fillfactor = 50);

-- --- who may be whom: found by keys, decided once -----------------------------------------------------------------

-- People and accounts written since they were last indexed and compared. Filled by triggers, so that no door can forget it.
CREATE TABLE match_waiting (
    noun        text NOT NULL CHECK (noun IN ('person', 'account')),
    id          text NOT NULL
);
CREATE FUNCTION waits_for_match() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO match_waiting (noun, id) SELECT TG_ARGV[0], id FROM written;
    RETURN NULL;
END $$;
CREATE TRIGGER person_added AFTER INSERT ON person REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION waits_for_match('person');
CREATE TRIGGER person_changed AFTER UPDATE ON person REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION waits_for_match('person');
CREATE TRIGGER account_added AFTER INSERT ON account REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION waits_for_match('account');
CREATE TRIGGER account_changed AFTER UPDATE ON account REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION waits_for_match('account');

-- What of a person is compared, written one way (identity.people.FIELDS, in that order), and the keys they are found by.
CREATE TABLE person_said (
    person_id   text PRIMARY KEY REFERENCES person (id),
    said        text[] NOT NULL
);
CREATE TABLE person_key (
    key         bigint NOT NULL,                      -- identity.index
    person_id   text NOT NULL,
    PRIMARY KEY (key, person_id)
);
CREATE INDEX person_key_person ON person_key (person_id);

-- The same of accounts: words of the name, spellings of the first, domains, phone, city, country.
CREATE TABLE account_key (
    key         bigint NOT NULL,
    account_id  text NOT NULL,
    PRIMARY KEY (key, account_id)
);
CREATE INDEX account_key_account ON account_key (account_id);

-- Domains of an account beside its own: of subsidiaries, of countries, learned when a person says that two are one company.
CREATE TABLE further_domain (
    account_id  text NOT NULL REFERENCES account (id),
    domain      text NOT NULL,
    by          text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (account_id, domain)
);
CREATE INDEX further_domain_domain ON further_domain (domain);

-- What agreement is worth, learned from an installation's own people. The latest counts.
CREATE TABLE match_model (
    at          timestamptz PRIMARY KEY,
    people      integer NOT NULL,                     -- how many records it was learned from
    body        jsonb NOT NULL
);

-- The account decided for a person: one decision, read by routing, pages and reports. The latest of a person counts.
CREATE TABLE match_decision (
    id          text PRIMARY KEY,
    person_id   text NOT NULL,
    at          timestamptz NOT NULL,
    contract_id text,
    state       text NOT NULL CHECK (state IN ('matched', 'review', 'none')),
    account_id  text,                                 -- under review: the most likely one
    code        text NOT NULL,                        -- DOMAIN_EXACT, NAME_DISTINCTIVE+CITY, …
    probability double precision NOT NULL,
    tie_break   text NOT NULL DEFAULT '',
    working     jsonb NOT NULL,                       -- asked, because, runners
    by          text NOT NULL DEFAULT 'handfast'      -- or the person who decided
);
CREATE INDEX match_decision_person ON match_decision (person_id, at);

-- What a person has to look at, and what they said: each answer is a labelled example.
CREATE TABLE match_review (
    id          text PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('account', 'person')),
    person_id   text NOT NULL REFERENCES person (id),
    other_id    text NOT NULL,                        -- the account, or the other person
    probability double precision NOT NULL,
    code        text NOT NULL,
    working     jsonb NOT NULL,
    asked_at    timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'same', 'different', 'gone')),
    by          text,
    note        text NOT NULL DEFAULT '',
    decided_at  timestamptz,
    UNIQUE (kind, person_id, other_id)
);
CREATE INDEX match_review_open ON match_review (asked_at) WHERE state = 'open';
CREATE INDEX match_review_person ON match_review (person_id);

-- Two people made one by somebody, and how to make them two again: what each was before, and what moved.
CREATE TABLE person_merge (
    id          text PRIMARY KEY,
    kept_id     text NOT NULL REFERENCES person (id),
    folded_id   text NOT NULL REFERENCES person (id),
    at          timestamptz NOT NULL,
    by          text NOT NULL,
    before      jsonb NOT NULL,                       -- both people as they were
    kept_fields jsonb NOT NULL,                       -- field → value, whose, source, since when, and the rule that chose it
    undone_at   timestamptz,
    undone_by   text
);
CREATE UNIQUE INDEX person_merge_folded ON person_merge (folded_id) WHERE undone_at IS NULL;
CREATE INDEX person_merge_kept ON person_merge (kept_id) WHERE undone_at IS NULL;
CREATE TABLE person_merge_moved (
    merge_id    text NOT NULL REFERENCES person_merge (id),
    noun        text NOT NULL,                        -- identity, handoff, handoff_person, party, touch, opportunity, opted_out
    id          text NOT NULL,
    PRIMARY KEY (merge_id, noun, id)
);

-- --- who is there, and what is owed to them -----------------------------------------------------------------------

-- What a rep is like beyond name and address. No row: the week of the contract, no skill, taking handoffs.
CREATE TABLE rep_profile (
    rep_id      text PRIMARY KEY REFERENCES rep (id),
    week        jsonb,                                -- their own opening hours, as a contract writes them; NULL: the contract's
    holidays    text,                                 -- their region, such as DE-BY; NULL: the calendar's
    skills      text[] NOT NULL DEFAULT '{}',         -- languages too: german, soc2
    off_since   timestamptz,                          -- switched off; NULL: takes handoffs
    off_by      text,
    off_why     text
);

-- How many handoffs a rep was given on a day of their own zone, for capacities by the day.
CREATE TABLE rep_day (
    rep_id      text NOT NULL REFERENCES rep (id),
    day         date NOT NULL,
    taken       integer NOT NULL,
    PRIMARY KEY (rep_id, day)
) WITH (fillfactor = 70);

-- Somebody holds a handoff for its owner, who could not take it.
CREATE TABLE cover (
    handoff_id  text PRIMARY KEY REFERENCES handoff (id),
    owner_id    text NOT NULL REFERENCES rep (id),    -- whose it would have been
    cover_id    text NOT NULL REFERENCES rep (id),
    reason      text NOT NULL,                        -- why the owner was passed over: pto, off, …
    since       timestamptz NOT NULL,
    ended_at    timestamptz,
    how         text CHECK (how IN ('handed_back', 'stays', 'moved_on'))
);
CREATE INDEX cover_running ON cover (owner_id) WHERE ended_at IS NULL;

-- A turn given back, with its reason: the ledger shows it.
CREATE TABLE turn_credit (
    id          text PRIMARY KEY,                     -- one per handoff and leg
    pool        text NOT NULL,                        -- the counter, as in `rotation`
    rep_id      text NOT NULL REFERENCES rep (id),
    handoff_id  text NOT NULL REFERENCES handoff (id),
    leg         integer NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('no_show', 'wrong_owner', 'other')),
    note        text NOT NULL DEFAULT '',
    by          text NOT NULL,
    at          timestamptz NOT NULL,
    applied_at  timestamptz                           -- when the turn was taken off their count; by the worker, under the lock
);
CREATE INDEX turn_credit_waiting ON turn_credit (at) WHERE applied_at IS NULL;
CREATE INDEX turn_credit_rep ON turn_credit (rep_id, at);

-- Another owner was named for an account, whoever did it. Filled by a trigger, so that no door can forget it.
CREATE TABLE owner_change (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  text NOT NULL REFERENCES account (id),
    was         text,
    becomes     text,
    by          text NOT NULL,                        -- the door: the file or source that said so, or 'unknown'
    at          timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'followed', 'left', 'undone')),
    overrides   text,                                 -- the open handoff whose owner we chose otherwise
    minutes     double precision,                     -- since that choice
    settled_at  timestamptz
);
CREATE INDEX owner_change_open ON owner_change (seq) WHERE state = 'open';
CREATE INDEX owner_change_account ON owner_change (account_id, seq);
CREATE FUNCTION owner_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Ours is no change by others; and an account nobody owned or works concerns nobody.
    IF current_setting('handfast.by', true) = 'handfast'
       OR (OLD.owner_id IS NULL AND NOT EXISTS (SELECT FROM handoff WHERE party = NEW.id AND closed_at IS NULL)) THEN
        RETURN NULL;
    END IF;
    INSERT INTO owner_change (account_id, was, becomes, by, at)
    VALUES (NEW.id, OLD.owner_id, NEW.owner_id, coalesce(nullif(current_setting('handfast.by', true), ''), 'unknown'),
            coalesce(nullif(current_setting('handfast.at', true), '')::timestamptz, now()));
    RETURN NULL;
END $$;
CREATE TRIGGER account_owner_changed AFTER UPDATE OF owner_id ON account
    FOR EACH ROW WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id) EXECUTE FUNCTION owner_changes();

-- Somebody says that a handoff was decided wrongly; the other side or RevOps answers. The answer is a label.
CREATE TABLE dispute (
    id          text PRIMARY KEY,
    handoff_id  text NOT NULL REFERENCES handoff (id),
    about       text NOT NULL CHECK (about IN ('owner', 'readiness')),
    leg         integer NOT NULL,                     -- the assignment it is about
    side        text NOT NULL CHECK (side IN ('sales', 'marketing', 'neither')), -- neither: RevOps or a leader raised it
    by          text NOT NULL,
    reason      text NOT NULL,
    opened_at   timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,                 -- its own clock
    late_at     timestamptz,                          -- when the lateness was noticed
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'upheld', 'rejected', 'withdrawn')),
    decided_by  text,
    decided_at  timestamptz,
    finding     text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX dispute_one ON dispute (handoff_id, about) WHERE state = 'open';
CREATE INDEX dispute_open ON dispute (due_at) WHERE state = 'open';
CREATE INDEX dispute_handoff ON dispute (handoff_id);

-- Handoffs nobody owns, the oldest first: asked before every new one is given to anybody.
CREATE INDEX handoff_held ON handoff (opened_at, id) WHERE closed_at IS NULL AND owner_id IS NULL;

-- --- clocks that stand still, follow-up, and the way back ---------------------------------------------------------

-- The clocks of a handoff stand still, for a reason the contract knows, until `ends_at` at the latest: a timer ends it then by itself.
CREATE TABLE clock_pause (
    id          text PRIMARY KEY,
    handoff_id  text NOT NULL REFERENCES handoff (id),
    reason      text NOT NULL,
    note        text NOT NULL DEFAULT '',
    waits_for   text NOT NULL CHECK (waits_for IN ('prospect', 'rep', 'queue', 'system')),
    by          text NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    ended_at    timestamptz,
    ended_by    text,
    kind        text,                                 -- the clock that was the most pressing then, and how much of it was left
    left_seconds integer                              -- of working time; 0: it was late already
);
CREATE UNIQUE INDEX clock_pause_one ON clock_pause (handoff_id) WHERE ended_at IS NULL;
CREATE INDEX clock_pause_handoff ON clock_pause (handoff_id, starts_at);

-- The sequence of attempts with one person. At most one runs per person.
CREATE TABLE follow_up (
    id          text PRIMARY KEY,
    handoff_id  text NOT NULL REFERENCES handoff (id),
    person_id   text NOT NULL,
    made        integer NOT NULL,                     -- steps made so far
    falls_due_at timestamptz,                         -- when the next step does; NULL: there is none
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    ended_why   text                                  -- contact, meeting, opt_out, steps_made, closed, undone
);
CREATE UNIQUE INDEX follow_up_one ON follow_up (person_id) WHERE ended_at IS NULL;
CREATE INDEX follow_up_handoff ON follow_up (handoff_id);

-- Whether a person can be reached, and wants to be.
CREATE TABLE reach (
    person_id   text PRIMARY KEY REFERENCES person (id),
    opted_out_at timestamptz,
    bounced_at  timestamptz,                          -- the address did not take a mail; NULL again once it was put right
    away_until  timestamptz                           -- an absence reply said so
);

-- A handoff offered to a pool: whoever takes it first has it.
CREATE TABLE offer (
    handoff_id  text NOT NULL REFERENCES handoff (id),
    rep_id      text NOT NULL REFERENCES rep (id),
    timer_id    text NOT NULL,
    at          timestamptz NOT NULL,
    taken_at    timestamptz,
    PRIMARY KEY (handoff_id, rep_id)
);
CREATE INDEX offer_rep ON offer (rep_id) WHERE taken_at IS NULL;

-- --- notices ------------------------------------------------------------------------------------------------------

-- Where a rep is known under another name than their mail address: `slack` and a user id.
CREATE TABLE rep_address (
    channel     text NOT NULL,
    address     text NOT NULL,
    rep_id      text NOT NULL REFERENCES rep (id),
    at          timestamptz NOT NULL,
    PRIMARY KEY (channel, address)
);
CREATE INDEX rep_address_rep ON rep_address (rep_id, channel);

-- How much went out lately: per receiver for digests, per channel (receiver '') for its rate.
CREATE TABLE notice_window (
    channel     text NOT NULL,
    recipient   text NOT NULL,
    since       timestamptz NOT NULL,
    sent        integer NOT NULL,
    PRIMARY KEY (channel, recipient)
) WITH (fillfactor = 50);

-- Who opened a brief first, and by which door: the page, a mail, Slack.
CREATE TABLE brief_opened (
    handoff_id  text NOT NULL REFERENCES handoff (id),
    rep_id      text NOT NULL REFERENCES rep (id),
    at          timestamptz NOT NULL,
    via         text NOT NULL CHECK (via IN ('page', 'email', 'slack', 'apprise')),
    PRIMARY KEY (handoff_id, rep_id)
);

-- --- a version tried before it holds for everybody ----------------------------------------------------------------

-- A version that was in force for a share (its term `canary`) and gave way by itself: from then on the version before decides for all.
CREATE TABLE canary_end (
    version     integer PRIMARY KEY REFERENCES contract (version),
    at          timestamptz NOT NULL,
    guardrail   text NOT NULL CHECK (guardrail IN ('unassigned', 'skew', 'assign_p95')),
    why         text NOT NULL,
    figures     jsonb NOT NULL
);

-- A draft that decides beside the contract in force, on live signals, and changes nothing. `seen_until`: how far it has come.
CREATE TABLE shadow (
    id          text PRIMARY KEY,
    contract_id text NOT NULL,                        -- the draft's id; it need not be among the versions
    name        text NOT NULL,
    source      text NOT NULL,
    since       timestamptz NOT NULL,
    seen_until  timestamptz NOT NULL,                 -- signals received until then have been decided
    asked_by    text NOT NULL,
    stopped_at  timestamptz
);
CREATE UNIQUE INDEX shadow_running ON shadow ((true)) WHERE stopped_at IS NULL;

-- What it would have made of people: the latest verdict of each, with what is missing.
CREATE TABLE shadow_standing (
    shadow_id   text NOT NULL REFERENCES shadow (id) ON DELETE CASCADE,
    person_id   text NOT NULL REFERENCES person (id),
    at          timestamptz NOT NULL,
    outcome     text NOT NULL,
    next_step   text,
    sentence    text NOT NULL,
    PRIMARY KEY (shadow_id, person_id)
);

-- What it would have made of buying groups: the latest verdict of each account nobody works on, with what is missing.
CREATE TABLE shadow_account (
    shadow_id   text NOT NULL REFERENCES shadow (id) ON DELETE CASCADE,
    account_id  text NOT NULL REFERENCES account (id),
    at          timestamptz NOT NULL,
    sentence    text NOT NULL,
    PRIMARY KEY (shadow_id, account_id)
);

-- The handoffs it would have opened, with the owner its own rotation would have chosen.
CREATE TABLE shadow_handoff (
    id          text PRIMARY KEY,
    shadow_id   text NOT NULL REFERENCES shadow (id) ON DELETE CASCADE,
    party       text NOT NULL,
    person_id   text NOT NULL REFERENCES person (id),
    signal_id   uuid NOT NULL,
    at          timestamptz NOT NULL,
    next_step   text NOT NULL,
    by_group    boolean NOT NULL DEFAULT false,       -- an account that is ready as a whole
    owner_id    text,
    rule        text NOT NULL,
    pool        text,
    sla         text,
    working     jsonb NOT NULL,
    ended_at    timestamptz                           -- with the live handoff of the same party
);
CREATE INDEX shadow_handoff_party ON shadow_handoff (shadow_id, party, at);
CREATE TABLE shadow_rotation (
    shadow_id   text NOT NULL REFERENCES shadow (id) ON DELETE CASCADE,
    pool        text NOT NULL,
    rep_id      text NOT NULL,
    turns       integer NOT NULL,
    level       double precision NOT NULL,
    last_at     timestamptz,
    PRIMARY KEY (shadow_id, pool, rep_id)
);

-- What goes back to marketing, or to whoever mends it, because of an outcome. Told once it can no longer be taken back.
CREATE TABLE way_back (
    id          text PRIMARY KEY,                     -- the disposition's
    handoff_id  text NOT NULL REFERENCES handoff (id),
    person_id   text NOT NULL REFERENCES person (id),
    leads_to    text NOT NULL,                        -- nurture, returned, suppress, merge, fix_data
    reason      text,
    needs       text,                                 -- new_intent: comes back only by what they do from now on
    back_at     timestamptz,                          -- when they may be addressed again
    at          timestamptz NOT NULL,
    tell_at     timestamptz NOT NULL,
    told_at     timestamptz,
    asked_at    timestamptz,                          -- merge: when it was put on the page Review, of whom they are known twice
    settled_at  timestamptz,                          -- and when somebody said so
    settled_by  text
);
CREATE INDEX way_back_untold ON way_back (tell_at) WHERE told_at IS NULL;
CREATE INDEX way_back_at ON way_back (at);
CREATE INDEX way_back_twice ON way_back (at) WHERE leads_to = 'merge' AND settled_at IS NULL;

-- --- what is known of who there is, and since when ------------------------------------------------------------------

-- Whose an account or an opportunity became, what a rep became like, which absences were entered and taken back, in the order in which it was recorded: a
-- replay asks what held then. Filled by triggers, so that no door can forget it. Append only; nothing live reads it. What stands above an
-- account is among its fields, so its history is in `learned`.
CREATE TABLE roster_log (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    noun        text NOT NULL CHECK (noun IN ('owner', 'deal', 'rep', 'absence')),
    id          text NOT NULL,                        -- the account, or opportunity (deal), whose owner it is; else the rep
    was         text,                                 -- the owner before; NULL: nobody
    becomes     text,                                 -- the owner from now on
    data        jsonb,                                -- rep: active, time_zone, week, holidays, skills, off; absence: starts_at, source, ends_at
                                                      -- (null: taken back). It does not say why somebody is away
    at          timestamptz NOT NULL,                 -- when it was said: by the door (`handfast.at`), else when it was written
    signal_seq  bigint NOT NULL                       -- the latest signal recorded before it
);
CREATE TRIGGER roster_log_append_only BEFORE UPDATE OR DELETE ON roster_log FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE FUNCTION roster_logs(noun text, id text, was text, becomes text, data jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO roster_log (noun, id, was, becomes, data, at, signal_seq)
    VALUES (noun, id, was, becomes, data, coalesce(nullif(current_setting('handfast.at', true), '')::timestamptz, now()),
            coalesce(pg_sequence_last_value(pg_get_serial_sequence('signal', 'seq')::regclass), 0))
$$;
CREATE FUNCTION owner_logged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM roster_logs('owner', NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.owner_id END, NEW.owner_id, NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER account_owner_added AFTER INSERT ON account
    FOR EACH ROW WHEN (NEW.owner_id IS NOT NULL) EXECUTE FUNCTION owner_logged();
CREATE TRIGGER account_owner_logged AFTER UPDATE OF owner_id ON account
    FOR EACH ROW WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id) EXECUTE FUNCTION owner_logged();
CREATE FUNCTION deal_logged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM roster_logs('deal', NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.owner_id END, NEW.owner_id, NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER opportunity_owner_added AFTER INSERT ON opportunity
    FOR EACH ROW WHEN (NEW.owner_id IS NOT NULL) EXECUTE FUNCTION deal_logged();
CREATE TRIGGER opportunity_owner_logged AFTER UPDATE OF owner_id ON opportunity
    FOR EACH ROW WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id) EXECUTE FUNCTION deal_logged();
CREATE FUNCTION rep_logged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM roster_logs('rep', r.id, NULL, NULL, jsonb_build_object('active', r.active, 'time_zone', r.time_zone, 'week', p.week,
                        'holidays', p.holidays, 'skills', coalesce(to_jsonb(p.skills), '[]'), 'off', p.off_since IS NOT NULL))
    FROM rep AS r LEFT JOIN rep_profile AS p ON p.rep_id = r.id WHERE r.id = to_jsonb(NEW) ->> TG_ARGV[0];
    RETURN NULL;
END $$;
CREATE TRIGGER rep_added AFTER INSERT ON rep FOR EACH ROW EXECUTE FUNCTION rep_logged('id');
CREATE TRIGGER rep_changed AFTER UPDATE ON rep
    FOR EACH ROW WHEN ((OLD.active, OLD.time_zone) IS DISTINCT FROM (NEW.active, NEW.time_zone)) EXECUTE FUNCTION rep_logged('id');
CREATE TRIGGER rep_profile_added AFTER INSERT ON rep_profile FOR EACH ROW EXECUTE FUNCTION rep_logged('rep_id');
CREATE TRIGGER rep_profile_changed AFTER UPDATE ON rep_profile
    FOR EACH ROW WHEN ((OLD.week, OLD.holidays, OLD.skills, OLD.off_since IS NULL)
                       IS DISTINCT FROM (NEW.week, NEW.holidays, NEW.skills, NEW.off_since IS NULL)) EXECUTE FUNCTION rep_logged('rep_id');
CREATE FUNCTION absence_logged() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one absence := coalesce(NEW, OLD);
BEGIN
    PERFORM roster_logs('absence', one.rep_id, NULL, NULL, jsonb_build_object('starts_at', one.starts_at, 'source', one.source,
                        'ends_at', CASE WHEN TG_OP <> 'DELETE' THEN one.ends_at END));
    RETURN NULL;
END $$;
CREATE TRIGGER absence_logged AFTER INSERT OR DELETE ON absence FOR EACH ROW EXECUTE FUNCTION absence_logged();
CREATE TRIGGER absence_changed AFTER UPDATE ON absence
    FOR EACH ROW WHEN (OLD.ends_at IS DISTINCT FROM NEW.ends_at) EXECUTE FUNCTION absence_logged();

-- Calendars that are fetched again and again. What one says stands in `absence`, under the source `calendar:NAME`.
CREATE TABLE absence_feed (
    rep_id      text NOT NULL REFERENCES rep (id),
    name        text NOT NULL,                        -- tells several of a rep apart
    url         text NOT NULL,                        -- a secret: whoever has it reads the calendar. Never shown, never logged
    kept_by     text NOT NULL,
    kept_at     timestamptz NOT NULL,
    next_at     timestamptz NOT NULL,                 -- when it is asked again; moved on by whoever asks, before asking
    etag        text,
    modified    text,                                 -- as its server said it
    read_at     timestamptz,                          -- when it was last read, whole
    good_at     timestamptz,                          -- when its server last answered as it should
    failing_since timestamptz,
    absences    integer,                              -- how many were in it
    problems    jsonb NOT NULL DEFAULT '[]',          -- the first of what was wrong the last time: what, fix, part
    PRIMARY KEY (rep_id, name)
);
CREATE INDEX absence_feed_due ON absence_feed (next_at);

-- --- people who were erased ---------------------------------------------------------------------------------------

-- That somebody was erased, with nothing about who it was: whoever must prove it shows this row.
CREATE TABLE erasure (
    id          text PRIMARY KEY,                     -- random
    at          timestamptz NOT NULL,
    by          text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    counts      jsonb NOT NULL                        -- noun → rows, see store.personal
);
CREATE INDEX erasure_at ON erasure (at);
