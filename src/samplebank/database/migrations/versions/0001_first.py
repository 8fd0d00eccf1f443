"""The first schema.

The previous release can run on the result: there is none.

Times are milliseconds since the epoch. `readers` holds who may read a row, as numbers (see accounts.access):
0 everybody, -d the domain d, 2c the customer c, 2s+1 the subject s.
"""

from alembic import op

revision = "0001"
down_revision = None

ACCOUNTS = """
CREATE TABLE domain (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);
CREATE TABLE customer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    short_name text NOT NULL UNIQUE,
    name text NOT NULL,
    domain_id int NOT NULL REFERENCES domain,
    parent_id bigint REFERENCES customer
);
CREATE TABLE subject (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('user', 'group')),
    short_name text NOT NULL UNIQUE,
    name text NOT NULL,
    customer_id bigint NOT NULL REFERENCES customer
);
CREATE TABLE group_member (
    group_id bigint NOT NULL REFERENCES subject,
    user_id bigint NOT NULL REFERENCES subject,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_member_user ON group_member (user_id);
CREATE TABLE access_grant (
    subject_id bigint NOT NULL REFERENCES subject,
    role text NOT NULL,
    customer_id bigint REFERENCES customer,
    UNIQUE NULLS NOT DISTINCT (subject_id, role, customer_id)
);
CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES subject,
    digest bytea NOT NULL UNIQUE,
    label text NOT NULL DEFAULT '',
    roles text[],
    customers bigint[],
    created_time bigint NOT NULL,
    expiry_time bigint,
    revoked_time bigint
);
CREATE INDEX api_key_user ON api_key (user_id);
CREATE TABLE accounts_version (
    id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    version bigint NOT NULL
);
INSERT INTO accounts_version (version) VALUES (1);
"""

SAMPLES = """
CREATE TABLE sample (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    md5 bytea,
    sha1 bytea,
    sha512 bytea,
    size bigint NOT NULL,
    created_time bigint NOT NULL,
    deleted_time bigint,
    activity_time bigint NOT NULL,
    unread_since bigint,
    readers bigint[] NOT NULL DEFAULT '{}',
    classification_id uuid,
    classification_wanted boolean NOT NULL DEFAULT true,
    verdict_id uuid,
    alerts_wanted boolean NOT NULL DEFAULT false
) WITH (fillfactor = 85);
-- sample search by hash
CREATE INDEX sample_md5 ON sample (md5);
CREATE INDEX sample_sha1 ON sample (sha1);
CREATE INDEX sample_sha512 ON sample (sha512);
-- the list of samples, newest first
CREATE INDEX sample_created ON sample (created_time, id);
-- the queue of the classifier
CREATE INDEX sample_unclassified ON sample (id) WHERE classification_wanted;
-- the sweeper that removes bytes which nobody submitted for long
CREATE INDEX sample_unread ON sample (unread_since) WHERE unread_since IS NOT NULL;
-- the queue of the event generation
CREATE INDEX sample_alerts ON sample (id) WHERE alerts_wanted;
CREATE TABLE classification (
    id uuid PRIMARY KEY,
    sample_id bigint NOT NULL REFERENCES sample,
    type text NOT NULL,
    super_type text NOT NULL,
    arch text,
    platform text,
    version text NOT NULL,
    meta_data jsonb NOT NULL,
    created_time bigint NOT NULL
);
CREATE INDEX classification_sample ON classification (sample_id, created_time);
CREATE TABLE static_fact (
    id uuid PRIMARY KEY,
    sample_id bigint NOT NULL REFERENCES sample,
    key text NOT NULL,
    value text NOT NULL,
    agent_name text NOT NULL,
    agent_version text NOT NULL,
    user_id bigint NOT NULL REFERENCES subject,
    created_time bigint NOT NULL,
    UNIQUE (sample_id, key)
);
CREATE TABLE link (
    id uuid PRIMARY KEY,
    sample_id bigint NOT NULL REFERENCES sample,
    reference bytea NOT NULL,
    type text NOT NULL CHECK (type IN ('parent', 'child', 'downloads', 'loads', 'executes')),
    customer_id bigint NOT NULL REFERENCES customer,
    user_id bigint NOT NULL REFERENCES subject,
    tlp text NOT NULL CHECK (tlp IN ('red', 'amber', 'green', 'clear')),
    acl bigint[] NOT NULL,
    readers bigint[] NOT NULL,
    agent_name text NOT NULL,
    agent_version text NOT NULL,
    created_time bigint NOT NULL
);
CREATE INDEX link_sample ON link (sample_id, created_time);
CREATE INDEX link_reference ON link (reference);
"""

SUBMISSIONS = """
CREATE TABLE challenge (
    id uuid PRIMARY KEY,
    sample_id bigint NOT NULL REFERENCES sample,
    user_id bigint NOT NULL REFERENCES subject,
    answer bytea NOT NULL,
    expiry_time bigint NOT NULL,
    used_by bytea,
    submission_id uuid
);
-- the sweeper of challenges
CREATE INDEX challenge_expiry ON challenge (expiry_time);
CREATE INDEX challenge_sample ON challenge (sample_id);
CREATE TABLE submission (
    id uuid PRIMARY KEY,
    sample_id bigint NOT NULL REFERENCES sample,
    customer_id bigint NOT NULL REFERENCES customer,
    user_id bigint NOT NULL REFERENCES subject,
    tlp text NOT NULL CHECK (tlp IN ('amber', 'green', 'clear')),
    acl bigint[] NOT NULL,
    readers bigint[] NOT NULL,
    file_name text NOT NULL,
    mime_type text NOT NULL,
    agent_name text NOT NULL,
    agent_version text NOT NULL,
    meta_data jsonb NOT NULL,
    observed_time bigint NOT NULL,
    submitted_time bigint NOT NULL,
    expiry_time bigint,
    trusted_agent boolean NOT NULL,
    event text CHECK (event IN ('normal', 'alerted', 'alertedFlood')),
    event_time bigint
);
-- the submissions of a sample, and the look for similar ones
CREATE INDEX submission_sample ON submission (sample_id, submitted_time);
-- the sweeper of expired submissions
CREATE INDEX submission_expiry ON submission (expiry_time) WHERE expiry_time IS NOT NULL;
-- how many alerts a customer had within the last hour
CREATE INDEX submission_alerted ON submission (customer_id, event_time) WHERE event = 'alerted';
"""

POLICY = """
CREATE TABLE worker (
    id uuid PRIMARY KEY,
    short_name text NOT NULL,
    names jsonb NOT NULL,
    descriptions jsonb NOT NULL,
    schema jsonb,
    created_by bigint NOT NULL REFERENCES subject,
    created_time bigint NOT NULL,
    updated_by bigint REFERENCES subject,
    updated_time bigint,
    deleted_by bigint REFERENCES subject,
    deleted_time bigint
);
CREATE UNIQUE INDEX worker_short_name ON worker (short_name) WHERE deleted_time IS NULL;
CREATE TABLE policy (
    id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    version bigint NOT NULL DEFAULT 1,
    workers uuid[] NOT NULL,
    options jsonb NOT NULL,
    updated_by bigint REFERENCES subject,
    updated_time bigint
);
INSERT INTO policy (workers, options) VALUES ('{}', '[]');
CREATE TABLE policy_rule (
    id uuid PRIMARY KEY,
    version int NOT NULL DEFAULT 1,
    name text NOT NULL,
    description text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('customer', 'classification', 'submission')),
    customers bigint[] NOT NULL,
    types text[] NOT NULL,
    super_types text[] NOT NULL,
    meta_keys text[] NOT NULL,
    meta_values text[] NOT NULL,
    workers_set uuid[] NOT NULL,
    workers_add uuid[] NOT NULL,
    workers_remove uuid[] NOT NULL,
    options_set jsonb NOT NULL,
    options_add jsonb NOT NULL,
    options_remove text[] NOT NULL,
    created_by bigint NOT NULL REFERENCES subject,
    created_time bigint NOT NULL,
    updated_by bigint REFERENCES subject,
    updated_time bigint,
    deleted_by bigint REFERENCES subject,
    deleted_time bigint
);
CREATE INDEX policy_rule_in_force ON policy_rule (created_time, id) WHERE deleted_time IS NULL;
-- what a rule matches, once in the whole policy; rows go with the deletion of their rule
CREATE TABLE policy_rule_match (
    match text PRIMARY KEY,
    rule_id uuid NOT NULL REFERENCES policy_rule
);
CREATE INDEX policy_rule_match_rule ON policy_rule_match (rule_id);
CREATE TABLE policy_rule_version (
    rule_id uuid NOT NULL REFERENCES policy_rule,
    version int NOT NULL,
    content jsonb NOT NULL,
    user_id bigint NOT NULL REFERENCES subject,
    time bigint NOT NULL,
    PRIMARY KEY (rule_id, version)
);
"""

JOBS = """
CREATE TABLE job (
    id uuid PRIMARY KEY,
    sample_id bigint NOT NULL REFERENCES sample,
    customer_id bigint NOT NULL REFERENCES customer,
    submission_id uuid,
    state text NOT NULL CHECK (state IN ('enqueued', 'executing', 'done', 'timeout')),
    enqueued_time bigint NOT NULL,
    start_time bigint,
    end_time bigint,
    workers uuid[] NOT NULL,
    options jsonb NOT NULL,
    rules jsonb NOT NULL,
    CHECK ((end_time IS NOT NULL) = (state IN ('done', 'timeout'))),
    CHECK (state <> 'executing' OR start_time IS NOT NULL)
);
-- job list and search by each of their times and states
CREATE INDEX job_enqueued ON job (enqueued_time, id);
CREATE INDEX job_started ON job (start_time, id) WHERE start_time IS NOT NULL;
CREATE INDEX job_ended ON job (end_time, id) WHERE end_time IS NOT NULL;
CREATE INDEX job_state ON job (state, enqueued_time, id);
-- job search by customer
CREATE INDEX job_customer ON job (customer_id, enqueued_time, id);
-- job search by sample, and the unfinished job that a submission joins
CREATE INDEX job_sample ON job (sample_id, enqueued_time, id);
-- the sweeper of time-outs
CREATE INDEX job_open ON job (enqueued_time) WHERE end_time IS NULL;
CREATE INDEX job_executing ON job (start_time) WHERE state = 'executing';
CREATE TABLE job_task (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES job,
    sample_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    worker_id uuid NOT NULL REFERENCES worker,
    worker text NOT NULL,
    state text NOT NULL CHECK (state IN ('enqueued', 'executing', 'success', 'failed', 'cancelled', 'timeout')),
    enqueued_time bigint NOT NULL,
    start_time bigint,
    end_time bigint,
    message text,
    attempt int NOT NULL DEFAULT 0,
    reasons text[] NOT NULL DEFAULT '{}',
    run_after bigint NOT NULL DEFAULT 0,
    lease_token uuid,
    lease_until bigint,
    UNIQUE (job_id, worker_id),
    CHECK ((end_time IS NOT NULL) = (state NOT IN ('enqueued', 'executing'))),
    CHECK (lease_token IS NULL OR state = 'executing')
) WITH (fillfactor = 80);
-- the claim: the longest-waiting open task of a worker
CREATE INDEX job_task_open ON job_task (worker_id, enqueued_time, id) WHERE state = 'enqueued';
-- the sweeper of leases
CREATE INDEX job_task_lease ON job_task (lease_until) WHERE lease_until IS NOT NULL;
-- the latest task of a worker on a sample, for verdicts after a failure
CREATE INDEX job_task_history ON job_task (sample_id, worker_id, enqueued_time);
"""

ANALYSES = """
CREATE TABLE analysis (
    id uuid PRIMARY KEY,
    sample_id bigint NOT NULL REFERENCES sample,
    customer_id bigint NOT NULL REFERENCES customer,
    user_id bigint NOT NULL REFERENCES subject,
    job_id uuid,
    tlp text NOT NULL CHECK (tlp IN ('red', 'amber', 'green', 'clear')),
    acl bigint[] NOT NULL,
    readers bigint[] NOT NULL,
    score smallint NOT NULL CHECK (score BETWEEN -1 AND 100),
    status_override text CHECK (status_override IN ('malicious', 'benign')),
    tags jsonb NOT NULL,
    detections jsonb NOT NULL,
    possible_detections int,
    profile text,
    internet_access boolean NOT NULL,
    agent_name text NOT NULL,
    agent_version text NOT NULL,
    created_time bigint NOT NULL,
    result jsonb NOT NULL
);
CREATE INDEX analysis_sample ON analysis (sample_id, created_time);
CREATE TABLE job_task_analysis (
    task_id uuid NOT NULL REFERENCES job_task,
    analysis_id uuid NOT NULL REFERENCES analysis,
    PRIMARY KEY (task_id, analysis_id)
);
CREATE INDEX job_task_analysis_analysis ON job_task_analysis (analysis_id);
CREATE TABLE evidence (
    id uuid PRIMARY KEY,
    analysis_id uuid NOT NULL REFERENCES analysis,
    file_name text NOT NULL,
    mime_type text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    internal boolean NOT NULL,
    potentially_malicious boolean NOT NULL,
    user_id bigint NOT NULL REFERENCES subject,
    created_time bigint NOT NULL
);
CREATE INDEX evidence_analysis ON evidence (analysis_id, created_time);
CREATE INDEX evidence_sha256 ON evidence (sha256);
"""

VERDICTS = """
CREATE TABLE verdict (
    id uuid PRIMARY KEY,
    sample_id bigint NOT NULL REFERENCES sample,
    job_id uuid UNIQUE,
    score smallint NOT NULL CHECK (score BETWEEN -1 AND 100),
    status_override text CHECK (status_override IN ('malicious', 'benign')),
    manual boolean NOT NULL,
    contradicting boolean NOT NULL,
    shared boolean NOT NULL,
    malicious boolean NOT NULL,
    comment text,
    user_id bigint REFERENCES subject,
    tags jsonb NOT NULL,
    triggered_detections int NOT NULL,
    created_time bigint NOT NULL
);
CREATE INDEX verdict_sample ON verdict (sample_id, created_time);
-- the manual override that later verdicts carry
CREATE INDEX verdict_manual ON verdict (sample_id, created_time) WHERE manual;
CREATE TABLE verdict_analysis (
    verdict_id uuid NOT NULL REFERENCES verdict,
    position int NOT NULL,
    analysis_id uuid NOT NULL REFERENCES analysis,
    difference int,
    impact int,
    PRIMARY KEY (verdict_id, position)
);
CREATE INDEX verdict_analysis_analysis ON verdict_analysis (analysis_id);
"""

EVENTS = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sample_id bigint NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    created_time bigint NOT NULL
);
CREATE TABLE service_task (
    id uuid PRIMARY KEY,
    correlation_id uuid NOT NULL,
    parent_id uuid REFERENCES service_task,
    root_id uuid REFERENCES service_task,
    operation text NOT NULL,
    arguments jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'running', 'waitingForSubtasks', 'done', 'failed', 'aborted')),
    flags text[] NOT NULL DEFAULT '{}',
    messages jsonb NOT NULL DEFAULT '[]',
    context jsonb NOT NULL DEFAULT '{}',
    host text,
    user_id bigint NOT NULL REFERENCES subject,
    created_time bigint NOT NULL,
    execution_time bigint,
    finished_time bigint
);
CREATE INDEX service_task_open ON service_task (created_time) WHERE finished_time IS NULL;
CREATE INDEX service_task_correlation ON service_task (correlation_id);
CREATE INDEX service_task_created ON service_task (created_time, id);
CREATE INDEX service_task_parent ON service_task (parent_id);
"""


def upgrade() -> None:
    for part in (ACCOUNTS, SAMPLES, SUBMISSIONS, POLICY, JOBS, ANALYSES, VERDICTS, EVENTS):
        for statement in part.split(";\n"):
            if statement.strip():
                op.execute(statement)
