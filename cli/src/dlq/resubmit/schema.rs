//! The event's schema, as far as the type does not say the same: what must be there, of which kind it is, and that
//! nothing is there that the schema doesn't know, since a misspelt name would be passed over by every consumer. What the
//! original had may stay: a newer producer knows more.

use serde_json::{Map, Value};

const SCHEMA: &str = include_str!("../../../../schemas/user-signed-up.v1.json");

/// # Errors
/// What is wrong, and where.
pub(super) fn check(event: &Value, before: Option<&Value>) -> Result<(), String> {
    let root: Value =
        serde_json::from_str(SCHEMA).map_err(|_| "this build's schema can't be read".to_owned())?;
    Place { root: &root, schema: &root, path: "" }.check(event, before)
}

/// A place in an event, and what the schema says of it.
struct Place<'a> {
    root: &'a Value,
    schema: &'a Value,
    path: &'a str,
}

impl Place<'_> {
    fn check(&self, value: &Value, before: Option<&Value>) -> Result<(), String> {
        let kind = self.says("type").and_then(Value::as_str);
        if kind.is_some_and(|kind| kind != kind_of(value)) || self.says("const").is_some_and(|it| it != value)
        {
            return Err(format!("the event is invalid at {}", self.path));
        }
        match value {
            Value::Object(fields) => self.check_fields(fields, before),
            Value::Array(items) => self.check_items(items, before),
            _ => Ok(()),
        }
    }

    fn check_fields(&self, fields: &Map<String, Value>, before: Option<&Value>) -> Result<(), String> {
        let required = self.says("required").and_then(Value::as_array).into_iter().flatten();
        if let Some(missing) = required.filter_map(Value::as_str).find(|name| !fields.contains_key(*name)) {
            return Err(format!("{} is missing", self.path_of(missing)));
        }
        let Some(known) = self.says("properties") else { return Ok(()) };
        for (name, value) in fields {
            let (path, before) = (self.path_of(name), before.and_then(|before| before.get(name)));
            match known.get(name) {
                Some(schema) => Place { root: self.root, schema, path: &path }.check(value, before)?,
                None if before.is_some() => {}
                None => return Err(format!("{path} is no field of the event")),
            }
        }
        Ok(())
    }

    fn check_items(&self, items: &[Value], before: Option<&Value>) -> Result<(), String> {
        let Some(schema) = self.says("items") else { return Ok(()) };
        for (index, item) in items.iter().enumerate() {
            let path = format!("{}[{index}]", self.path);
            let before = before.and_then(|before| before.get(index));
            Place { root: self.root, schema, path: &path }.check(item, before)?;
        }
        Ok(())
    }

    /// What the schema says under a keyword, here or where it refers to.
    fn says(&self, keyword: &str) -> Option<&Value> {
        let referred = self.schema.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
        let referred = referred.and_then(|pointer| self.root.pointer(pointer));
        self.schema.get(keyword).or_else(|| referred?.get(keyword))
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample(name: &str) -> Value {
        let path = format!("{}/../schemas/samples/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_samples_are_as_the_schema_says() {
        for name in ["full.json", "minimal.json"] {
            assert_eq!(check(&sample(name), None), Ok(()), "{name}");
        }
        let newer = sample("from-a-newer-producer.json");
        assert!(check(&newer, None).is_err(), "somebody made it up");
        assert_eq!(check(&newer, Some(&newer)), Ok(()), "it was there before");
    }

    #[test]
    fn what_is_missing_misspelt_or_of_another_kind_is_named() {
        let changed = |pointer: &str, name: &str, value: Option<Value>| {
            let mut event = sample("full.json");
            let object = event.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            match value {
                Some(value) => object.insert(name.to_owned(), value),
                None => object.remove(name),
            };
            check(&event, Some(&sample("full.json"))).unwrap_err()
        };
        assert_eq!(changed("/data", "attributes", None), "data.attributes is missing");
        assert_eq!(changed("/data", "emial", Some(json!("x"))), "data.emial is no field of the event");
        assert_eq!(changed("/data", "surname", Some(Value::Null)), "the event is invalid at data.surname");
        assert_eq!(
            changed("", "datacontenttype", Some(json!("x"))),
            "the event is invalid at datacontenttype"
        );
        let within = changed("/data/identityProviders/0", "signInType", None);
        assert_eq!(within, "data.identityProviders[0].signInType is missing");
    }
}
