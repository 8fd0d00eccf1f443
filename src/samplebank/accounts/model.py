"""The accounts: domains, customers in a tree, users and groups; the permissions of roles."""

from enum import StrEnum

import msgspec


class Permission(StrEnum):
    """The permissions of SampleDB v2, named as in the interface of SampleDB v2 (`x-required-permissions`)."""

    VIEW_SAMPLES = "viewSamples"
    VIEW_SUBMISSION = "viewSampleSubmission"
    VIEW_ANALYSIS = "viewSampleAnalysis"
    VIEW_VERDICTS = "viewSampleVerdicts"
    VIEW_JOBS = "viewAnalysisJobs"
    DOWNLOAD = "downloadSample"
    DOWNLOAD_RAW = "downloadRawSample"
    DOWNLOAD_UNRESTRICTED = "downloadSampleUnrestricted"
    SUBMIT_SAMPLE = "submitSample"
    ADD_SUBMISSION = "addSampleSubmission"
    REANALYSE = "reanalyseSample"
    ADD_ANALYSIS = "addSampleAnalysis"
    ADD_EVIDENCE = "addSampleAnalysisEvidence"
    ADD_VERDICT = "addSampleVerdict"
    UPDATE_JOB = "updateAnalysisJob"
    RECLASSIFY = "reclassifySample"
    VIEW_WORKER = "viewAnalysisWorker"
    ADD_WORKER = "addAnalysisWorker"
    UPDATE_WORKER = "updateAnalysisWorker"
    DELETE_WORKER = "deleteAnalysisWorker"
    VIEW_POLICY = "viewAnalysisPolicy"
    ADD_POLICY = "addAnalysisPolicy"
    UPDATE_POLICY = "updateAnalysisPolicy"
    DELETE_POLICY = "deleteAnalysisPolicy"
    ADD_FACT = "addSampleFact"
    DELETE_SAMPLE = "deleteSampleCompletely"
    REINDEX = "reindexSampleResources"
    #: not of SampleDB v2: write notes on samples
    ADD_NOTE = "addSampleNote"
    #: not of SampleDB v2: read what the ledger tells of the customer's samples and users
    VIEW_AUDIT = "viewAudit"
    #: not of SampleDB v2: give and take accounts, rights and keys; only for every customer
    MANAGE_ACCOUNTS = "manageAccounts"
    #: not of SampleDB v2: claim tasks, and do everything else only for own claims
    WORK_ON_CLAIMS = "workOnClaimedTasks"


P = Permission
#: the permissions that show a customer's samples and everything known about the samples
VIEWS = (P.VIEW_SAMPLES, P.VIEW_SUBMISSION, P.VIEW_ANALYSIS, P.VIEW_VERDICTS, P.VIEW_JOBS)
VIEWER = frozenset({*VIEWS, P.DOWNLOAD, P.DOWNLOAD_RAW})
UPLOADER = frozenset({P.SUBMIT_SAMPLE, P.ADD_SUBMISSION})
USER = VIEWER | UPLOADER | {P.REANALYSE, P.ADD_NOTE}
ANALYZER = USER | {
    P.ADD_ANALYSIS,
    P.ADD_EVIDENCE,
    P.ADD_VERDICT,
    P.UPDATE_JOB,
    P.RECLASSIFY,
    P.DOWNLOAD_UNRESTRICTED,
    P.VIEW_WORKER,
    P.VIEW_POLICY,
}
WORKER = frozenset({P.WORK_ON_CLAIMS, P.VIEW_WORKER})
ROLES: dict[str, frozenset[Permission]] = {
    "SAMPLEDB-VIEWER": VIEWER,
    "SAMPLEDB-UPLOADER": UPLOADER,
    "SAMPLEDB-USER": USER,
    "SAMPLEDB-ANALYZER": ANALYZER,
    "SAMPLEDB-WORKER": WORKER,
    "ADMINISTRATOR-ROLE": frozenset(Permission) - {P.WORK_ON_CLAIMS},
}
ADMINISTRATOR = "ADMINISTRATOR-ROLE"
WORKING = "SAMPLEDB-WORKER"


class Domain(msgspec.Struct, frozen=True):
    id: int
    name: str


class Customer(msgspec.Struct, frozen=True):
    """A tenant. Permissions for a customer also hold for the customers below the customer in the tree.

    `stored_bytes` is an own budget, in place of the setting.
    """

    id: int
    short_name: str
    name: str
    domain: Domain
    parent_id: int | None
    stored_bytes: int | None = None


class Subject(msgspec.Struct, frozen=True):
    """A user or a group of users. `stored_bytes` is an own budget of a user, in place of the setting."""

    id: int
    kind: str
    short_name: str
    name: str
    customer: Customer
    stored_bytes: int | None = None
