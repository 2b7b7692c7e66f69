use serde_json::json;

use super::*;

fn form(fields: Value) -> Form {
    form_for(FormUse::Transition, fields)
}

fn form_for(used_for: FormUse, fields: Value) -> Form {
    Form::of(serde_json::from_value(fields).unwrap(), used_for)
}

fn severity() -> Form {
    form(screen())
}

fn screen() -> Value {
    json!([
        { "fieldId": "summary", "name": "Summary", "required": true, "operations": ["set"],
          "schema": { "type": "string", "system": "summary" } },
        { "fieldId": "customfield_1", "name": "Severity", "required": true, "operations": ["set"],
          "schema": { "type": "option", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:select" },
          "allowedValues": [{ "id": "1", "value": "Minor" }, { "id": "2", "value": "Major" }] },
        { "fieldId": "customfield_2", "name": "Note", "operations": ["set"],
          "schema": { "type": "string", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textarea" } },
        { "fieldId": "customfield_3", "name": "note", "operations": ["set"], "schema": { "type": "any" } },
        { "fieldId": "priority", "name": "Priority", "required": true, "hasDefaultValue": true,
          "defaultValue": { "id": "3", "name": "Medium" }, "operations": ["set"],
          "schema": { "type": "priority" }, "allowedValues": [{ "id": "3", "name": "Medium" }] },
        { "fieldId": "reporter", "name": "Reporter", "required": true, "operations": ["set"],
          "schema": { "type": "user" } },
        { "fieldId": "attachment", "name": "Attachment", "operations": [], "schema": { "type": "array" } },
        { "name": "Nameless", "operations": ["set"] },
    ])
}

fn read(given: Value) -> Result<Map<String, Value>, String> {
    let read = severity().read(fields_given(Field::from(given)).unwrap());
    read.map(FieldValues::into_fields).map_err(|error| error.message().to_owned())
}

#[test]
fn fields_are_given_by_id_or_by_unique_name() {
    let jira = json!({ "customfield_1": { "id": "2" } });
    for given in
        [json!({ "customfield_1": "Major" }), json!({ " severity": "Major" }), json!({ "SEVERITY": "2" })]
    {
        assert_eq!(read(given.clone()).map(Value::from), Ok(jira.clone()), "{given}");
    }
    let note = read(json!({ "customfield_2": "**a**" })).unwrap();
    assert_eq!(note["customfield_2"]["type"], "doc");
    for (given, said) in [
        (
            json!({ "Note": "a" }),
            "several fields have the name \"Note\". Use one of their ids: customfield_2, customfield_3",
        ),
        (
            json!({ "Colour": "a" }),
            "\"Colour\" is not a field of this form, by id or by name. It has: Summary, Severity, Note, note, Priority",
        ),
        (json!({ "attachment": "a" }), "\"attachment\" is not a field of this form"),
        (json!({ "Severity": "Major", "customfield_1": "Minor" }), "is given twice"),
        (
            json!({ "Severity": "Huge" }),
            "fields: \"Severity\" cannot be \"Huge\"; it must be one of: Minor, Major",
        ),
        (json!({ "customfield_2": 7 }), "fields: \"customfield_2\" must be a string of Markdown"),
    ] {
        let refused = read(given).unwrap_err();
        assert!(refused.contains(said), "{refused}");
    }
    for wrong in [json!([]), json!("a"), json!(7)] {
        assert!(fields_given(Field::from(wrong)).is_err());
    }
}

#[test]
fn only_what_has_no_value_by_itself_is_asked_for() {
    let form = severity();
    let given = |given: Value| fields_given(Field::from(given)).unwrap();
    assert_eq!(form.missing(&Map::new()), ["Summary", "Severity"]);
    assert_eq!(form.missing(&given(json!({ "Severity": null, "summary": "a" }))), ["Severity"]);
    assert!(form.missing(&given(json!({ "severity": "Major", "Summary": "a" }))).is_empty());
    assert!(
        form.has_all(&given(json!({ "severity": "x" }))) && !form.has_all(&given(json!({ "Colour": "x" })))
    );
}

#[test]
fn a_form_tells_what_its_fields_take() {
    let view = serde_json::to_value(severity().view()).unwrap();
    let ids: Vec<&str> =
        view["fields"].as_array().unwrap().iter().filter_map(|field| field["id"].as_str()).collect();
    assert_eq!(ids, ["summary", "customfield_1", "customfield_2", "customfield_3", "priority", "reporter"]);
    let severity = &view["fields"][1];
    assert_eq!((&severity["type"], &severity["must_ask"]), (&json!("choice"), &json!(true)));
    assert_eq!(
        severity["allowed_values"],
        json!([{ "id": "1", "name": "Minor" }, { "id": "2", "name": "Major" }])
    );
    assert_eq!(view["fields"][4]["default_value"], "Medium");
    assert_eq!(view["fields"][5]["searched_with"], "search-users");
    let schema = &view["json_schema"];
    assert_eq!(schema["required"], json!(["summary", "customfield_1"]));
    assert_eq!(
        schema["properties"]["customfield_1"],
        json!({ "type": "string", "title": "Severity", "enum": ["Minor", "Major"] })
    );
    assert_eq!(schema["properties"]["priority"]["enum"], json!(["Medium", null]));
    assert_eq!(schema["properties"]["customfield_2"]["type"], json!(["string", "object", "null"]));
    assert_eq!(schema["properties"]["customfield_3"], json!({ "title": "note" }));
}

#[test]
fn the_summary_of_a_new_issue_is_not_among_its_fields() {
    let view = serde_json::to_value(form_for(FormUse::Create, screen()).view()).unwrap();
    assert_eq!(view["fields"][0]["must_ask"], true);
    assert_eq!(view["json_schema"]["required"], json!(["customfield_1"]));
    assert!(view["json_schema"]["properties"].get("summary").is_none());
}

#[test]
fn an_edit_asks_for_nothing_and_cannot_clear_what_is_required() {
    let form = form_for(FormUse::Edit, screen());
    assert!(form.missing(&Map::new()).is_empty());
    let view = serde_json::to_value(form.view()).unwrap();
    assert!(view["fields"].as_array().unwrap().iter().all(|field| field["must_ask"] == false));
    let schema = &view["json_schema"];
    assert_eq!(schema["required"], json!([]));
    assert_eq!(schema["properties"]["summary"]["type"], "string");
    assert_eq!(schema["properties"]["priority"]["enum"], json!(["Medium"]));
    assert_eq!(schema["properties"]["customfield_2"]["type"], json!(["string", "object", "null"]));
}

#[test]
fn white_space_around_the_name_of_a_field_is_not_part_of_it() {
    let form = form(json!([{ "fieldId": "customfield_1", "name": "Team ", "operations": ["set"] }]));
    for name in ["Team", "team ", " Team"] {
        assert!(form.convert(Map::from_iter([(name.to_owned(), json!("a"))])).is_ok(), "{name}");
    }
}

#[test]
fn an_empty_list_of_values_refuses_none() {
    let custom = |kind: &str| format!("com.atlassian.jira.plugin.system.customfieldtypes:{kind}");
    let form = form(json!([
        { "fieldId": "customfield_1", "name": "Side", "operations": ["set"], "allowedValues": [],
          "schema": { "type": "option", "custom": custom("select") } },
        { "fieldId": "customfield_2", "name": "Place", "operations": ["set"],
          "schema": { "type": "option-with-child", "custom": custom("cascadingselect") } },
    ]));
    let given = json!({ "Side": "Port", "Place": "Hull > Keel" });
    let sent = form.convert(fields_given(Field::from(given)).unwrap()).unwrap();
    let expected = json!({ "customfield_1": { "value": "Port" },
        "customfield_2": { "value": "Hull", "child": { "value": "Keel" } } });
    assert_eq!(Value::from(sent), expected);
}
