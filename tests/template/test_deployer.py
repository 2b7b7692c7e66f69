"""deploy/deployer-policy.json allows what a deployment, an update and a removal need, and nothing more.

What CloudFormation needs for a type of resource is in AWS's own schema of it, with which the linter comes.
"""

import json
import unittest
from fnmatch import fnmatchcase
from pathlib import Path

import cfnlint
import policies
from transform import transformed

POLICY = json.loads((policies.ROOT / "deploy/deployer-policy.json").read_text())
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: white space does not count.
MOST_CHARACTERS = 6_144

# What the SAM CLI and scripts/deploy.py call themselves, and the operator's program.
CALLS = {
    "cloudformation:ContinueUpdateRollback",  # docs/deploy.md
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResource",
    "cloudformation:DescribeStackResources",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplate",
    "cloudformation:GetTemplateSummary",
    "cloudformation:ListChangeSets",
    "cloudformation:ListStackResources",
    "cloudformation:UpdateTerminationProtection",
    "lambda:InvokeFunction",  # CloudFormation calls the migrator with the deployer's rights
    "logs:FilterLogEvents",  # what the migrator said
    "s3:DeleteObject",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "secretsmanager:CreateSecret",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    # API Gateway writes its access log by a log delivery:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    # The first custom domain of an account:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html
    "iam:CreateServiceLinkedRole",
}

# The linter has no schema of it with what it needs:
# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/access-control-managing-permissions.html
WITHOUT_SCHEMA = {
    "AWS::Route53::RecordSetGroup": {
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
        "route53:GetHostedZone",
        "route53:ListResourceRecordSets",
    },
}

# The bucket for artifacts, which the SAM CLI makes once in an account.
OF_THE_SAM_CLI = {"AWS::S3::Bucket", "AWS::S3::BucketPolicy"}

# What schemas name for properties that neither the template nor the SAM CLI's bucket has, by type.
UNUSED = {
    "AWS::ApiGatewayV2::Api": ["s3:getObject"],  # a body in a bucket
    "AWS::ApiGatewayV2::DomainName": ["s3:*"],  # a trust store
    "AWS::IAM::Role": ["iam:*RolePermissionsBoundary"],
    "AWS::Lambda::Function": [
        "ec2:*", "elasticfilesystem:*", "s3files:*", "kms:*",
        "lambda:*CapacityProvider", "lambda:AssociateRuntimeAlias", "lambda:GetCodeSigningConfig", "lambda:GetLayerVersion",
        "lambda:PublishVersion", "lambda:PutFunctionCodeSigningConfig", "lambda:DeleteFunctionCodeSigningConfig",
        "lambda:PutFunctionRecursionConfig", "lambda:PutFunctionScalingConfig", "lambda:PutRuntimeManagementConfig",
    ],
    "AWS::Logs::LogGroup": [
        "firehose:*", "s3:*", "logs:*KmsKey", "logs:PutDataProtectionPolicy", "logs:DeleteDataProtectionPolicy",
        "logs:PutIndexPolicy", "logs:DeleteIndexPolicy", "logs:PutBearerTokenAuthentication", "logs:DeleteResourcePolicy",
        "logs:PutLogGroupDeletionProtection",
    ],
    "AWS::S3::Bucket": [
        "s3tables:*", "s3:*Abac", "s3:*AnalyticsConfiguration", "s3:*InventoryConfiguration", "s3:*LifecycleConfiguration",
        "s3:*MetricsConfiguration", "s3:*Notification", "s3:*ReplicationConfiguration", "s3:PutBucketReplication",
        "s3:*Website", "s3:*AccelerateConfiguration", "s3:*ObjectLockConfiguration", "s3:*IntelligentTieringConfiguration",
        "s3:*MetadataTableConfiguration", "s3:*MetadataJournalTableConfiguration", "s3:*AnnotationTableConfiguration",
        "s3:UpdateBucketMetadata*", "s3:*Acl", "s3:*OwnershipControls", "s3:*Logging", "s3:*CORS", "s3:*Cors",
        "s3:DeleteBucketAnalyticsConfiguration", "s3:DeleteBucketMetricsConfiguration", "s3:DeleteBucketLifecycle",
        "s3:DeleteBucketReplication", "s3:DeleteBucketEncryption", "s3:UntagResource", "iam:PassRole",
        # It is made once and stays.
        "s3:DeleteBucket", "s3:Get*", "s3:ListTagsForResource",
    ],
    "AWS::S3::BucketPolicy": ["s3:DeleteBucketPolicy"],
    "AWS::SNS::Topic": ["sns:PutDataProtectionPolicy", "iam:*"],  # delivery logs
}


def schemas() -> dict:
    """AWS's schemas of resource types, as the linter has them."""
    folder = Path(cfnlint.__file__).parent / "data/schemas/resources"
    found = {}
    for file in folder.glob("*.json"):
        schema = json.loads(file.read_text())
        if schema.get("handlers"):
            found[schema["typeName"]] = schema
    return found


def needed() -> dict:
    """The actions that each type of resource needs, of all that is made."""
    known = schemas()
    template = transformed(policies.ROOT / "template.yaml")
    kinds = {resource["Type"] for resource in template["Resources"].values()} - {"Custom::Migrations"}
    actions = dict(WITHOUT_SCHEMA)
    for kind in (kinds | OF_THE_SAM_CLI) - set(WITHOUT_SCHEMA):
        handlers = known[kind]["handlers"]
        named = {action for name in ("create", "read", "update", "delete")
                 for action in handlers.get(name, {}).get("permissions", [])}
        unused = UNUSED.get(kind, [])
        actions[kind] = {action for action in named if not any(fnmatchcase(action, pattern) for pattern in unused)}
    return actions


def allowed(policy: dict) -> set:
    return {action for statement in policy["Statement"] for action in policies.as_list(statement["Action"])}


class DeployersPolicy(unittest.TestCase):
    def test_it_allows_what_is_needed(self):
        for kind, actions in {**needed(), "the programs": CALLS}.items():
            with self.subTest(kind):
                self.assertEqual(actions - allowed(POLICY), set())

    def test_it_allows_nothing_more(self):
        self.assertEqual(allowed(POLICY) - set().union(CALLS, *needed().values()), set())

    def test_it_is_about_juncture_alone(self):
        for statement in POLICY["Statement"]:
            for action in policies.as_list(statement["Action"]):
                self.assertNotIn("*", action)
            for resource in policies.as_list(statement["Resource"]):
                with self.subTest(statement["Sid"], resource=resource):
                    # These have no resource, or none that can be known before it is made.
                    of_any = statement["Sid"] in ("WithoutResource", "Api", "Domain", "DomainRecords", "RoleOfApiGateway")
                    named = "juncture" in resource or "aws-sam-cli" in resource or ":transform/Serverless" in resource
                    self.assertTrue(of_any or named)

    def test_it_fits(self):
        self.assertLess(len(json.dumps(POLICY, separators=(",", ":"))), MOST_CHARACTERS)


if __name__ == "__main__":
    unittest.main()
