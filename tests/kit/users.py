"""The users of the test tenants, by what they may do."""

#: user of the test tenants -> the role of the user
USERS = {
    "nobody": None,
    "viewer": "SAMPLEDB-VIEWER",
    "uploader": "SAMPLEDB-UPLOADER",
    "mia": "SAMPLEDB-USER",
    "analyzer": "SAMPLEDB-ANALYZER",
    "toiler": "SAMPLEDB-WORKER",
    "boss": "ADMINISTRATOR-ROLE",
    "chief": "ADMINISTRATOR-ROLE",
}
#: the users with a role for every customer
EVERYWHERE = {"chief"}
