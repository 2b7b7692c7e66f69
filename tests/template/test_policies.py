"""template.yaml keeps to every policy, and every policy notices when it does not."""

import copy
import unittest

import policies
from transform import transformed

TEMPLATE = transformed(policies.ROOT / "template.yaml")
STAGE = "ApiApiGatewayDefaultStage"
ROUTE = "/api/frontend/oauth/initiate-oauth-flow"


def properties(template, name):
    return template["Resources"][name]["Properties"]


def edit(name, key, value):
    """Sets a property of a resource, or of what is below it: the key is a path with dots. `None` removes it."""

    def apply(template):
        node = properties(template, name)
        *path, last = key.split(".")
        for step in path:
            node = node[int(step) if step.isdigit() else step]
        if value is None:
            del node[last]
        else:
            node[int(last) if last.isdigit() else last] = value

    return apply


def statement(**changes):
    return edit("FunctionRole", "Policies.0.PolicyDocument.Statement.0", {
        "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "JunctureSecretsId"}, **changes,
    })


def add(name, kind, **values):
    return lambda template: template["Resources"].update({name: {"Type": kind, "Properties": values}})


def parameter(name, **values):
    return lambda template: template["Parameters"].setdefault(name, {}).update(values)


def move_route(path, other):
    def apply(template):
        paths = properties(template, "Api")["Body"]["paths"]
        paths[other] = paths.pop(path)

    return apply


def edit_integration(**changes):
    def apply(template):
        operation = properties(template, "Api")["Body"]["paths"][ROUTE]["post"]
        operation["x-amazon-apigateway-integration"].update(changes)

    return apply


# The policy, what is done to a good template, and a part of the sentence that must come of it.
BREACHES = [
    (policies.runtime, edit("GetAccessToken", "Runtime", "provided.al2"), "provided.al2"),
    (policies.runtime, edit("GetAccessToken", "Architectures", ["x86_64"]), "architecture"),
    (policies.runtime, edit("GetAccessToken", "MemorySize", None), "no MemorySize"),
    (policies.runtime, edit("GetAccessToken", "Timeout", None), "no Timeout"),
    (policies.runtime, edit("GetAccessToken", "Timeout", 30), "given up"),
    (policies.runtime, parameter("Architecture", Default="x86_64"), "arm64"),
    (policies.observed, edit("GetAccessToken", "TracingConfig", None), "not traced"),
    (policies.observed, edit("GetAccessToken", "LoggingConfig.LogFormat", "Text"), "JSON"),
    (policies.observed, edit("GetAccessToken", "LoggingConfig.LogGroup", None), "not in the template"),
    (policies.observed, edit("FunctionLogs", "RetentionInDays", None), "for ever"),
    (policies.concurrency, edit("GetAccessToken", "ReservedConcurrentExecutions", None), "GetAccessToken"),
    (policies.least_privilege, edit("GetAccessToken", "Role", {"Ref": "SomeRole"}), "no role"),
    (policies.least_privilege, edit("GetAccessToken", "Role", {"Fn::GetAtt": ["MigratorRole", "Arn"]}), "of the migrator"),
    (policies.least_privilege, edit("Migrate", "Role.Fn::If.1", {"Ref": "SomeRole"}), "no role"),
    (policies.least_privilege, statement(Action="secretsmanager:PutSecretValue"), "PutSecretValue"),
    (policies.least_privilege, statement(Action=["s3:GetObject"]), "s3:GetObject"),
    (policies.least_privilege, statement(Resource=None), "names no resource"),
    (policies.least_privilege, edit("FunctionRole", "ManagedPolicyArns.0", "arn:aws:iam::aws:policy/AdministratorAccess"),
     "AdministratorAccess"),
    (policies.least_privilege, add("More", "AWS::IAM::Policy"), "More"),
    (policies.least_privilege, add("Call", "AWS::Lambda::Permission", Principal="*", SourceArn="a"), "lets *"),
    (policies.least_privilege, add("Call", "AWS::Lambda::Permission", Principal="apigateway.amazonaws.com"), "which API"),
    (policies.no_wildcard, statement(Resource="*"), "the resource *"),
    (policies.no_wildcard, statement(Resource={"Fn::Sub": "arn:aws:secretsmanager:${AWS::Region}:1:secret:*"}), "secret:*"),
    (policies.no_wildcard, statement(Action="secretsmanager:*"), "secretsmanager:*"),
    (policies.no_wildcard, statement(Resource="arn:aws:secretsmanager:eu-central-1:1:secret:other"), "another secret"),
    (policies.no_wildcard, edit("FunctionRole", "AssumeRolePolicyDocument.Statement.0.Principal", {"AWS": "*"}), "anybody"),
    (policies.concurrency, edit("GetAccessToken", "ReservedConcurrentExecutions", 10), "whatever the parameter"),
    (policies.concurrency, parameter("ReservedConcurrency", Default="10"), "by default"),
    (policies.route_names, move_route(ROUTE, ROUTE + "/"), "end in a slash"),
    (policies.route_names, move_route(ROUTE, ROUTE + "/{all+}/more"), "the last"),
    (policies.route_names, edit("Api", f"Body.paths.{ROUTE}.x-amazon-apigateway-any-method",
                                {"x-amazon-apigateway-integration": {"uri": "${GetAccessToken.Arn}"}}), "methods"),
    (policies.route_names, edit_integration(payloadFormatVersion="1.0"), "payload format"),
    (policies.route_names, edit_integration(uri="${Nothing.Arn}"), "no function"),
    (policies.throttling, edit(STAGE, "DefaultRouteSettings", None), "the default has no"),
    (policies.throttling, edit(STAGE, "DefaultRouteSettings.ThrottlingBurstLimit", None), "ThrottlingBurstLimit"),
    (policies.throttling, edit(STAGE, "RouteSettings", {f"POST {ROUTE}": {"ThrottlingRateLimit": 1}}), "cannot be removed"),
    (policies.names, edit("RefreshIdleConnectionsSchedule", "Name", "Fixed"), "lacks AWS::StackName"),
    (policies.names, edit("Dashboard", "DashboardName", {"Ref": "AWS::StackName"}), "lacks AWS::Region"),
    (policies.names, add("Table", "AWS::DynamoDB::Table", TableName="fixed"), "add AWS::DynamoDB::Table"),
    (policies.domain, edit("Domain", "DomainNameConfigurations.0.IpAddressType", None), "IPv4 alone"),
    (policies.limits, lambda template: template["Outputs"].update({f"Output{n}": {} for n in range(190)}), "outputs"),
    (policies.limits, edit("GetAccessToken", "Environment.Variables.LONG", "x" * 4_000), "environment of GetAccessToken"),
    (policies.alarms, edit("LatencyAlarm", "EvaluateLowSampleCountPercentile", "ignore"), "LatencyAlarm looks at no"),
    (policies.alarms, lambda template: template["Resources"].pop("OutageAlarm"), "nobody is told"),
    (policies.access_log, edit(STAGE, "AccessLogSettings", None), "no access log"),
    (policies.access_log, edit(STAGE, "AccessLogSettings.Format", "$context.requestId $context.status"), "not JSON"),
    (policies.access_log, edit(STAGE, "AccessLogSettings.Format", '{"status":"$context.status"}'), "lacks requestId"),
    (policies.access_log, edit(STAGE, "AccessLogSettings.Format", '{"path":"$context.path"}'), "$context.path"),
    (policies.cors, edit("Api", "Body.x-amazon-apigateway-cors.allowOrigins", ["*"]), "origins"),
    (policies.cors, edit("Api", "Body.x-amazon-apigateway-cors.allowHeaders", ["Authorization"]), "secret key"),
    (policies.cors, edit("Api", "Body.x-amazon-apigateway-cors.allowMethods", ["GET", "DELETE"]), "methods"),
    (policies.cors, edit("Api", "Body.x-amazon-apigateway-cors.allowCredentials", False), "cookie"),
    (policies.cors, parameter("CorsAllowedOrigins", AllowedPattern=".+"), "asterisk"),
    (policies.no_secret, edit("GetAccessToken", "Environment.Variables.DATABASE_URL", {"Ref": "X"}), "DATABASE_URL"),
    (policies.no_secret, edit("GetAccessToken", "Description", "postgres://u:p@h/d"), "looks like a secret"),
    (policies.no_secret, edit("GetAccessToken", "Description", "{{resolve:secretsmanager:x}}"), "looks like a secret"),
    (policies.no_secret, parameter("Password", NoEcho=True), "Password"),
    (policies.migrations, lambda template: template["Resources"].pop("Migrations"), "no resource"),
    (policies.migrations, lambda template: template["Resources"]["GetAccessToken"].pop("DependsOn"), "GetAccessToken"),
    (policies.migrations, edit("Migrations", "Newest", "0001_core"), "Newest must be"),
    (policies.migrations, edit("Migrations", "ServiceTimeout", 60), "gives up"),
    (policies.described, parameter("Nameless", Default="", AllowedPattern=""), "no description"),
    (policies.described, parameter("Nameless", Description="x", AllowedPattern=""), "no default"),
    (policies.described, parameter("Nameless", Description="x", Default=""), "takes anything"),
    (policies.described, lambda template: template["Outputs"]["ApiUrl"].pop("Description"), "ApiUrl"),
]


class Policies(unittest.TestCase):
    def test_the_template_keeps_to_them(self):
        for check in policies.CHECKS:
            with self.subTest(check.__name__):
                self.assertEqual(list(check(TEMPLATE)), [])

    def test_each_breach_is_noticed(self):
        for check, breach, expected in BREACHES:
            with self.subTest(check=check.__name__, expected=expected):
                template = copy.deepcopy(TEMPLATE)
                breach(template)
                self.assertIn(expected, "\n".join(check(template)))

    def test_every_policy_has_its_breach(self):
        self.assertEqual({check for check, _, _ in BREACHES}, set(policies.CHECKS))


if __name__ == "__main__":
    unittest.main()
