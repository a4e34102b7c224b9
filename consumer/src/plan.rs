//! What a request declares, compiled once: templates and validators, shared by all requests that declare the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::contract::{GenerationRequest, JsonObject, LlmColumn, RequestColumn, ValueType};
use crate::template::Templates;

/// A column the model writes.
pub struct LlmPart {
    pub name: String,
    pub schema: Value,
    pub validator: Validator,
}

/// A column computed after the call.
pub struct ExpressionPart {
    pub name: String,
    pub value_type: ValueType,
}

/// The compiled declaration.
pub struct Plan {
    pub templates: Templates,
    pub llm: Vec<LlmPart>,
    pub expressions: Vec<ExpressionPart>,
    pub record: Validator,
    /// The key that tells items apart in an answer for several slots; never the name of a column.
    pub index_key: String,
    /// The schema of an answer for one slot, as text.
    pub single_answer: OnceLock<String>,
}

impl Plan {
    /// Compiles the declaration of `request`.
    ///
    /// # Errors
    /// One sentence that names the column and the fault.
    pub fn compile(request: &GenerationRequest) -> Result<Self, String> {
        let mut templates = Templates::default();
        let (mut llm, mut expressions) = (Vec::new(), Vec::new());
        for column in &request.columns {
            let name = column.name().as_str().to_owned();
            let source = match column {
                RequestColumn::Llm(column) => &column.prompt,
                RequestColumn::Expression(column) => &column.template,
            };
            templates.add(name.clone(), source.clone()).map_err(|error| format!("column {name}: {error}"))?;
            match column {
                RequestColumn::Llm(column) => llm.push(llm_part(name, column)?),
                RequestColumn::Expression(column) => {
                    expressions.push(ExpressionPart { name, value_type: column.value_type });
                }
            }
        }
        let record = validator(&Value::Object(request.record_schema.clone()))
            .map_err(|error| format!("record_schema: {error}"))?;
        let index_key = free_key(&llm);
        Ok(Self { templates, llm, expressions, record, index_key, single_answer: OnceLock::new() })
    }
}

fn llm_part(name: String, column: &LlmColumn) -> Result<LlmPart, String> {
    let schema = Value::Object(column.json_schema.clone());
    let validator = validator(&schema).map_err(|error| format!("json_schema of column {name}: {error}"))?;
    Ok(LlmPart { name, schema, validator })
}

fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::validator_for(schema).map_err(|error| error.to_string())
}

fn free_key(llm: &[LlmPart]) -> String {
    let mut key = "index".to_owned();
    while llm.iter().any(|part| part.name == key) {
        key.push('_');
    }
    key
}

type Key = [u8; 32];

/// Plans by the hash of what they were compiled from; the one unused for longest goes first.
pub struct Plans {
    cache: Mutex<HashMap<Key, (Arc<Plan>, u64)>>,
    most: usize,
}

impl Plans {
    /// A cache of at most `most` plans.
    pub fn new(most: usize) -> Self {
        Self { cache: Mutex::new(HashMap::new()), most }
    }

    /// The plan of `request`, compiled if it is not at hand.
    ///
    /// # Errors
    /// As [`Plan::compile`]; a failure is not kept.
    pub fn of(&self, request: &GenerationRequest) -> Result<Arc<Plan>, String> {
        let key = declaration_hash(&request.columns, &request.record_schema)?;
        if let Some(plan) = self.known(&key) {
            return Ok(plan);
        }
        let plan = Arc::new(Plan::compile(request)?);
        self.keep(key, Arc::clone(&plan));
        Ok(plan)
    }

    fn known(&self, key: &Key) -> Option<Arc<Plan>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = cache.values().map(|(_, used)| *used).max().unwrap_or(0);
        let (plan, used) = cache.get_mut(key)?;
        *used = newest + 1;
        Some(Arc::clone(plan))
    }

    fn keep(&self, key: Key, plan: Arc<Plan>) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = cache.values().map(|(_, used)| *used).max().unwrap_or(0);
        if cache.len() >= self.most
            && let Some(oldest) = cache.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key)
        {
            cache.remove(&oldest);
        }
        cache.insert(key, (plan, newest + 1));
    }
}

fn declaration_hash(columns: &[RequestColumn], record_schema: &JsonObject) -> Result<Key, String> {
    let text = serde_json::to_vec(&(columns, record_schema)).map_err(|error| error.to_string())?;
    Ok(Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::request;
    use serde_json::json;

    #[test]
    fn equal_declarations_share_a_plan_and_the_oldest_goes_first() {
        let plans = Plans::new(2);
        let named = |name: &str| {
            let mut request = request();
            request.record_schema.insert("title".to_owned(), json!(name));
            request
        };
        let first = plans.of(&named("a")).unwrap();
        assert!(Arc::ptr_eq(&first, &plans.of(&named("a")).unwrap()));
        plans.of(&named("b")).unwrap();
        plans.of(&named("a")).unwrap();
        plans.of(&named("c")).unwrap();
        assert!(Arc::ptr_eq(&first, &plans.of(&named("a")).unwrap()));
        assert_eq!(plans.cache.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_declaration_that_cannot_be_compiled_names_its_column() {
        let mut bad_template = request();
        bad_template.columns = serde_json::from_value(json!([
            {"kind": "expression", "name": "broken", "template": "{{ oops"}
        ]))
        .unwrap();
        assert!(Plan::compile(&bad_template).err().unwrap().contains("column broken"));
        let mut bad_schema = request();
        bad_schema.record_schema.insert("type".to_owned(), json!("nonsense"));
        assert!(Plan::compile(&bad_schema).err().unwrap().contains("record_schema"));
        let mut far_reference = request();
        far_reference.record_schema.insert("$ref".to_owned(), json!("http://example.com/schema"));
        assert!(Plan::compile(&far_reference).is_err());
    }
}
