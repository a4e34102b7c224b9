//! Documents on their way into an index: the fields that every writer adds, and what never fits.

use serde::Serialize;

/// As in the other stores; the server takes 100 MB a request.
const MOST_BYTES: usize = 8 << 20;
const MOST_ID_BYTES: usize = 512;

/// The document as it is sent, `doc_id` and for shared indexes `doc_tenant` added.
///
/// # Errors
/// Why it can never be stored.
pub fn encoded<T: Serialize>(document: &T, id: &str, tenant: Option<&str>) -> Result<Vec<u8>, String> {
    let key_bytes = id.len() + tenant.map_or(0, |tenant| tenant.len() + 1);
    if id.is_empty() || key_bytes > MOST_ID_BYTES {
        return Err(format!("an id has 1 to {MOST_ID_BYTES} bytes with its tenant, this one {key_bytes}"));
    }
    let mut body = serde_json::to_vec(document).map_err(|error| format!("not JSON: {error}"))?;
    if body.pop() != Some(b'}') {
        return Err("not a JSON object".to_owned());
    }
    let separator = if body.len() > 1 { "," } else { "" };
    body.extend_from_slice(format!("{separator}\"doc_id\":{}", quoted(id)).as_bytes());
    if let Some(tenant) = tenant {
        body.extend_from_slice(format!(",\"doc_tenant\":{}", quoted(tenant)).as_bytes());
    }
    body.push(b'}');
    match body.len() {
        bytes if bytes > MOST_BYTES => {
            Err(format!("{bytes} bytes are more than a document may have, {MOST_BYTES}"))
        }
        _ => Ok(body),
    }
}

fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_id_and_the_tenant_are_added() {
        let sent = |document: Value, tenant| -> Value {
            serde_json::from_slice(&encoded(&document, "a\"b", tenant).unwrap()).unwrap()
        };
        assert_eq!(sent(json!({"x": 1}), None), json!({"x": 1, "doc_id": "a\"b"}));
        assert_eq!(sent(json!({}), Some("t")), json!({"doc_id": "a\"b", "doc_tenant": "t"}));
    }

    #[test]
    fn what_never_fits_is_told_before_it_is_sent() {
        assert!(encoded(&json!({}), "", None).unwrap_err().contains("this one 0"));
        assert!(encoded(&json!({}), &"x".repeat(510), Some("t")).is_ok());
        assert!(encoded(&json!({}), &"x".repeat(511), Some("t")).is_err());
        assert!(encoded(&json!([1]), "a", None).unwrap_err().contains("object"));
        let large = json!({"x": "x".repeat(MOST_BYTES)});
        assert!(encoded(&large, "a", None).unwrap_err().contains("bytes"));
    }
}
