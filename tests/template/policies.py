"""What the deployed template must keep to, beyond what CloudFormation itself asks.

Each check takes the transformed template and yields a sentence for everything that breaks its rule.
`test_policies.py` shows of each that it can fail.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Everything that a function may do, and that it may have done for it.
FUNCTION_ACTIONS = {
    "secretsmanager:GetSecretValue",
    "kms:Decrypt",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
}
# X-Ray knows no resources; SAM attaches this for `Tracing: Active`.
MANAGED_POLICY = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess"}
# Whoever calls functions: API Gateway through a permission, the scheduler through a role.
CALLER_ACTIONS = {"lambda:InvokeFunction"}
# An HTTP API waits 30 seconds; a function must have answered by then.
MAX_TIMEOUT_OF_A_ROUTE = 29
# How an API's definition says ANY.
ANY_METHOD = "x-amazon-apigateway-any-method"
# What only ever comes from the secret.
SECRET_SETTING = re.compile("DATABASE_|(?<!CONNECT_)TOKEN|KEY|PASSWORD|CLIENT_SECRET")
# How credentials of what we use look: AWS keys, connection strings, Atlassian and Upstash tokens.
SECRET_VALUE = re.compile(r"AKIA[0-9A-Z]{16}|postgres(ql)?://|ATOA[\w-]{20}|ATCTT|[A-Za-z0-9+/]{43}=|\beyJ[\w-]{20}")


def of_type(template: dict, kind: str) -> dict:
    return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}


def functions(template: dict) -> dict:
    return {name: r["Properties"] for name, r in of_type(template, "AWS::Lambda::Function").items()}


def route_key(method: str, path: str) -> str:
    return f"{'ANY' if method == ANY_METHOD else method.upper()} {path}"


def routes(template: dict) -> dict:
    """The keys of all routes, and the name of the function that each leads to."""
    found = {}
    for api in of_type(template, "AWS::ApiGatewayV2::Api").values():
        for path, operations in api["Properties"]["Body"]["paths"].items():
            for method, operation in operations.items():
                uri = json.dumps(operation["x-amazon-apigateway-integration"]["uri"])
                found[route_key(method, path)] = re.search(r"\$\{(\w+)\.Arn\}", uri).group(1)
    return found


def strings(node):
    """Every string below a node, keys too."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


def statements(role: dict):
    """The statements of a role's own policies, those behind a condition too."""
    for policy in role["Properties"].get("Policies", []):
        for statement in as_list(policy["PolicyDocument"]["Statement"]):
            if "Fn::If" in statement:
                yield from (branch for branch in statement["Fn::If"][1:] if "Effect" in branch)
            else:
                yield statement


def roles_of(function: dict) -> set:
    """The role of a function, or both roles that a condition chooses from."""
    role = function.get("Role", {})
    choices = role["Fn::If"][1:] if "Fn::If" in role else [role]
    return {choice.get("Fn::GetAtt", [None])[0] for choice in choices}


def runtime(template):
    """Every function runs on provided.al2023, on the processor of the parameter, with memory and time of its own."""
    routed = set(routes(template).values())
    for name, function in functions(template).items():
        if (function.get("Runtime"), function.get("Handler")) != ("provided.al2023", "bootstrap"):
            yield f"{name}: runtime {function.get('Runtime')}, handler {function.get('Handler')}"
        if function.get("Architectures") != [{"Ref": "Architecture"}]:
            yield f"{name}: its architecture is not the parameter's"
        if not isinstance(function.get("MemorySize"), int):
            yield f"{name} has no MemorySize"
        timeout = function.get("Timeout")
        if not isinstance(timeout, int):
            yield f"{name} has no Timeout"
        elif name in routed and timeout > MAX_TIMEOUT_OF_A_ROUTE:
            yield f"{name}: API Gateway has given up after {timeout} seconds"
    if template["Parameters"].get("Architecture", {}).get("Default") != "arm64":
        yield "Architecture is not arm64 by default"


def observed(template):
    """Every function is traced and logs JSON into a group of the template; every group forgets."""
    groups = of_type(template, "AWS::Logs::LogGroup")
    for name, function in functions(template).items():
        if function.get("TracingConfig") != {"Mode": "Active"}:
            yield f"{name} is not traced"
        logging = function.get("LoggingConfig", {})
        if logging.get("LogFormat") != "JSON":
            yield f"{name} does not log JSON"
        if logging.get("LogGroup", {}).get("Ref") not in groups:
            yield f"{name} logs into a group that is not in the template"
    for name, group in groups.items():
        if not group["Properties"].get("RetentionInDays"):
            yield f"{name} keeps its logs for ever"


def concurrency(template):
    """Every function says what it reserves, if only that it reserves nothing; nothing is reserved by default.

    A new account has ten executions at once, and Lambda refuses a reservation that leaves fewer than it wants to keep:
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    if template["Parameters"].get("ReservedConcurrency", {}).get("Default") != "none":
        yield "ReservedConcurrency is not none by default"
    for name, function in functions(template).items():
        if "ReservedConcurrentExecutions" not in function:
            yield f"{name} says nothing of ReservedConcurrentExecutions"
        elif isinstance(function["ReservedConcurrentExecutions"], int):
            yield f"{name} reserves concurrency whatever the parameter says"


def least_privilege(template):
    """Every function has a role of the template, which allows what a function needs on a named resource."""
    roles = of_type(template, "AWS::IAM::Role")
    used = set().union(*(roles_of(function) for function in functions(template).values()))
    for name, function in functions(template).items():
        if not roles_of(function) <= set(roles):
            yield f"{name} has no role of the template"
        if name != "Migrate" and "MigratorRole" in roles_of(function):
            yield f"{name} has the role of the migrator, which may change tables"
    for name, role in roles.items():
        allowed = FUNCTION_ACTIONS if name in used else CALLER_ACTIONS
        for policy in role["Properties"].get("ManagedPolicyArns", []):
            if name not in used or policy != MANAGED_POLICY:
                yield f"{name} has the managed policy {policy}"
        for statement in statements(role):
            for action in as_list(statement["Action"]):
                if action not in allowed:
                    yield f"{name} may {action}"
            if not statement.get("Resource") or "NotResource" in statement or "NotAction" in statement:
                yield f"{name}: a statement names no resource"
    for name, kind in ((name, resource["Type"]) for name, resource in template["Resources"].items()):
        if kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::AccessKey"):
            yield f"{name}: rights belong to the role of a function"
    for name, permission in of_type(template, "AWS::Lambda::Permission").items():
        if permission["Properties"].get("Principal") != "apigateway.amazonaws.com":
            yield f"{name} lets {permission['Properties'].get('Principal')} call a function"
        if "SourceArn" not in permission["Properties"]:
            yield f"{name} does not say which API may call"


def no_wildcard(template):
    """No statement is about every resource, or about more than one secret."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for statement in statements(role):
            for text in strings(statement.get("Resource")):
                if "*" in text:
                    yield f"{name}: the resource {text}"
            for text in strings(statement.get("Action")):
                if "*" in text:
                    yield f"{name}: the action {text}"
                if text == "secretsmanager:GetSecretValue":
                    wanted = "MigratorSecretsId" if name == "MigratorRole" else "JunctureSecretsId"
                    if wanted not in json.dumps(statement["Resource"]) or isinstance(statement["Resource"], list):
                        yield f"{name} may read another secret than {wanted}"
        for statement in as_list(role["Properties"]["AssumeRolePolicyDocument"]["Statement"]):
            if "*" in json.dumps(statement["Principal"]):
                yield f"{name}: anybody may assume it"


def route_names(template):
    """Every route has a name that an HTTP API takes, and leads to a function that is called as this one answers."""
    answering = routes(template)
    for key in answering:
        # The deployment fails at the stage: the API has the route under another name.
        # https://github.com/storacha/w3infra/pull/166
        if key.endswith("/"):
            yield f"{key}: no route may end in a slash"
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
        if "+}/" in key:
            yield f"{key}: a greedy parameter must be the last"
    for name, api in of_type(template, "AWS::ApiGatewayV2::Api").items():
        for path, operations in api["Properties"]["Body"]["paths"].items():
            for method, operation in operations.items():
                key, integration = route_key(method, path), operation["x-amazon-apigateway-integration"]
                # What passes calls on takes any method and anything below a path, and says itself what it refuses.
                passes_on = method == ANY_METHOD and path.endswith("+}")
                if method not in ("get", "post", "delete", "put", "patch") and not passes_on:
                    yield f"{key}: a function answers methods that it knows"
                if integration.get("payloadFormatVersion") != "2.0" or integration.get("type") != "aws_proxy":
                    yield f"{key}: functions read requests in the payload format 2.0"
                if answering[key] not in functions(template):
                    yield f"{key} leads to no function of the template"


def throttling(template):
    """Every route is throttled, by the default of the stage alone."""
    for name, stage in of_type(template, "AWS::ApiGatewayV2::Stage").items():
        properties = stage["Properties"]
        limits = properties.get("DefaultRouteSettings", {})
        # API Gateway takes an absent limit for zero.
        for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            if not limits.get(limit):
                yield f"{name}: the default has no {limit}"
        # "Unable to find Route by key": the stage fails when its settings name a route that the API does not have,
        # in a deployment that removes both as well, and in its rollback.
        # https://github.com/aws/serverless-application-model/issues/1939
        for key in properties.get("RouteSettings", {}):
            yield f"{name}: a setting for {key} makes the route one that cannot be removed"


# Where a resource says how it is called, and what sets it apart from those of other stacks. A name has to be unique in
# its account and region; dashboards and roles are global.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Dashboards.html
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
NAMES = {
    "AWS::CloudWatch::Alarm": ("AlarmName", ["AWS::StackName"]),
    "AWS::CloudWatch::Dashboard": ("DashboardName", ["AWS::StackName", "AWS::Region"]),
    "AWS::IAM::Role": ("RoleName", ["AWS::StackName", "AWS::Region"]),
    "AWS::Lambda::Function": ("FunctionName", ["AWS::StackName"]),
    "AWS::Logs::LogGroup": ("LogGroupName", ["AWS::StackName"]),
    "AWS::Scheduler::Schedule": ("Name", ["AWS::StackName"]),
    "AWS::SNS::Topic": ("TopicName", ["AWS::StackName"]),
    "AWS::SQS::Queue": ("QueueName", ["AWS::StackName"]),
}
# These have no name of their own: an API's is a title, a domain's is the operator's.
NAMELESS = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::Route53::RecordSetGroup",
    "Custom::Migrations",
}


def names(template):
    """Two stages of an account, in one region or in two, get in each other's way nowhere."""
    for name, resource in template["Resources"].items():
        if resource["Type"] in NAMELESS:
            continue
        if resource["Type"] not in NAMES:
            yield f"{name}: add {resource['Type']} to the names that are looked at"
            continue
        key, wanted = NAMES[resource["Type"]]
        fixed = resource.get("Properties", {}).get(key)
        said = json.dumps(fixed)
        missing = [part for part in wanted if f"${{{part}}}" not in said and f'{{"Ref": "{part}"}}' not in said]
        if fixed and missing:
            yield f"{name}: its name lacks {' and '.join(missing)}"


def domain(template):
    """A domain that has an address of IPv6 answers there."""
    addresses = json.dumps(list(of_type(template, "AWS::Route53::RecordSetGroup").values()))
    for name, resource in of_type(template, "AWS::ApiGatewayV2::DomainName").items():
        for configuration in resource["Properties"]["DomainNameConfigurations"]:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-custom-domain-names-ip-address-type.html
            if '"AAAA"' in addresses and configuration.get("IpAddressType") != "dualstack":
                yield f"{name} has an AAAA record and answers over IPv4 alone"


# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MOST_RESOURCES = 500
MOST_PARAMETERS = 200
MOST_OUTPUTS = 200
MOST_TEMPLATE_BYTES = 1_000_000
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html: routes, and integrations, of an API
MOST_ROUTES = 300
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: the environment of a function
MOST_ENVIRONMENT_BYTES = 4_096


def limits(template):
    """The stack stays well below what AWS takes: nine tenths, so that it is noticed in time."""
    counts = [
        ("resources", len(template["Resources"]), MOST_RESOURCES),
        ("parameters", len(template["Parameters"]), MOST_PARAMETERS),
        ("outputs", len(template["Outputs"]), MOST_OUTPUTS),
        ("routes", len(routes(template)), MOST_ROUTES),
        ("bytes of the template", len(json.dumps(template)), MOST_TEMPLATE_BYTES),
    ]
    for name, function in functions(template).items():
        variables = function.get("Environment", {}).get("Variables", {})
        counts.append((f"bytes of environment of {name}", len(json.dumps(variables)), MOST_ENVIRONMENT_BYTES))
    for what, count, most in counts:
        if count > most * 9 // 10:
            yield f"{count} {what}, of {most}"


def alarms(template):
    """A deployment that few people use is watched like a busy one."""
    fewest = []
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        properties = alarm["Properties"]
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
        if properties.get("EvaluateLowSampleCountPercentile") == "ignore":
            yield f"{name} looks at no period of fewer than a thousand requests"
        fewest += re.findall(r"requests >= (\d+)", json.dumps(properties.get("Metrics", [])))
    if not any(int(count) <= 3 for count in fewest):
        yield "nobody is told when each of three requests an hour fails"


def access_log(template):
    """Requests are logged as JSON, by route, without what may carry a code, a state or a key."""
    for name, stage in of_type(template, "AWS::ApiGatewayV2::Stage").items():
        settings = stage["Properties"].get("AccessLogSettings", {})
        if settings.get("DestinationArn", {}).get("Fn::GetAtt", [None])[0] not in template["Resources"]:
            yield f"{name} has no access log"
            continue
        try:
            fields = set(json.loads(settings["Format"]).values())
        except ValueError:
            yield f"{name}: the access log is not JSON"
            continue
        for wanted in ("requestId", "routeKey", "status", "integrationStatus", "integrationLatency"):
            if f"$context.{wanted}" not in fields:
                yield f"{name}: the access log lacks {wanted}"
        for field in fields:
            if re.search("path|query|header|authorizer|body|userAgent", field, re.IGNORECASE):
                yield f"{name}: {field} has no place in a log"


def cors(template):
    """Named origins may call the frontend API, with cookies; no page of any origin may send the secret key."""
    for name, api in of_type(template, "AWS::ApiGatewayV2::Api").items():
        allowed = api["Properties"]["Body"].get("x-amazon-apigateway-cors", {})
        origins = allowed.get("allowOrigins")
        if not isinstance(origins, list) or any("*" in origin for origin in origins):
            yield f"{name}: the origins are {origins}"
        if {header.lower() for header in allowed.get("allowHeaders", ["*"])} & {"*", "authorization"}:
            yield f"{name}: a browser may send the secret key"
        if set(allowed.get("allowMethods", ["*"])) - {"GET", "POST"}:
            yield f"{name}: a browser may use methods that only the backend API has"
        if not allowed.get("allowCredentials"):
            yield f"{name}: a browser keeps no cookie of a call by the product's page"
    pattern = template["Parameters"].get("CorsAllowedOrigins", {}).get("AllowedPattern", ".*")
    if re.fullmatch(pattern, "*") or re.fullmatch(pattern, "https://*"):
        yield "CorsAllowedOrigins takes an asterisk"


def no_secret(template):
    """Secrets come from Secrets Manager when a function starts, never from the template or its parameters."""
    for name, function in functions(template).items():
        for setting in function.get("Environment", {}).get("Variables", {}):
            # How often a key may be tried is no key.
            if SECRET_SETTING.search(setting) and not setting.startswith("RATE_LIMIT_"):
                yield f"{name}: {setting} belongs into the secret"
    for name in template["Parameters"]:
        if template["Parameters"][name].get("NoEcho"):
            yield f"the parameter {name} would hold a secret"
    for text in strings(template):
        if SECRET_VALUE.search(text) or "{{resolve:" in text:
            yield f"this looks like a secret: {text[:12]}…"


def migrations(template):
    """No new code serves before the migrations are applied, and every new migration has them applied."""
    found = of_type(template, "Custom::Migrations")
    if len(found) != 1:
        yield "there is no resource of the type Custom::Migrations"
        return
    (name, resource), = found.items()
    migrator = resource["Properties"]["ServiceToken"].get("Fn::GetAtt", [None])[0]
    for function in functions(template):
        waits_for = as_list(template["Resources"][function].get("DependsOn", []))
        if function != migrator and name not in waits_for:
            yield f"{function} does not wait for {name}"
    newest = max(file.stem for file in (ROOT / "migrations").glob("*.sql"))
    if resource["Properties"].get("Newest") != newest:
        yield f"{name}: Newest must be {newest}, or a deployment does not apply it"
    timeout = functions(template).get(migrator, {}).get("Timeout", 0)
    if resource["Properties"].get("ServiceTimeout", 3600) < timeout:
        yield f"{name}: CloudFormation gives up before the function does"


def described(template):
    """Parameters say what they are, what they may be and what they are without a word."""
    for name, parameter in template["Parameters"].items():
        if not parameter.get("Description"):
            yield f"the parameter {name} has no description"
        if "Default" not in parameter:
            yield f"the parameter {name} has no default"
        if not {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys():
            yield f"the parameter {name} takes anything"
    for name, output in template["Outputs"].items():
        if not output.get("Description"):
            yield f"the output {name} has no description"


CHECKS = [
    runtime,
    observed,
    concurrency,
    least_privilege,
    no_wildcard,
    route_names,
    throttling,
    names,
    domain,
    limits,
    alarms,
    access_log,
    cors,
    no_secret,
    migrations,
    described,
]
