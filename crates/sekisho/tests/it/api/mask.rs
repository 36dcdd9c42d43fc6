//! Personal data masked over HTTP.

use serde_json::json;

use super::{Api, ROLES, good, refused};

#[test]
fn values_and_texts_are_masked_for_whoever_has_a_key() {
    let api = Api::start();
    let body = json!({
        "fields": [{"kind": "name", "value": "山田太郎"}, {"kind": "birth_date", "value": "昭和55年4月1日"}],
        "text": "電話は03-1234-5678、口座は1234567です。",
    });
    for role in ROLES {
        let masked = good(api.of(role).post("/v1/mask", &body.to_string()));
        assert_eq!(masked["fields"][0], json!({"kind": "name", "value": "山•••"}));
        assert_eq!(masked["fields"][1]["value"], "••••年•月•日");
        assert_eq!(masked["text"], "電話は••••••••••78、口座は•••••67です。");
        assert_eq!(masked["found"], json!(["phone", "bank_account"]));
    }
    let empty = good(api.of("reader").post("/v1/mask", "{}"));
    assert_eq!(empty, json!({"fields": [], "found": []}));
    let many = json!({"fields": vec![json!({"kind": "name", "value": "x"}); 257]}).to_string();
    assert_eq!(refused(api.of("reader").post("/v1/mask", &many), 422)["field"], "fields");
    for bad in [
        "{\"fields\":[{\"kind\":\"山田太郎\",\"value\":\"x\"}]}",
        "{\"text\":[\"山田太郎\"]}",
        "{\"山田太郎\":1}",
        "山田太郎",
    ] {
        let answer = api.of("reader").post("/v1/mask", bad).unwrap();
        assert!(answer.status == 422 || answer.status == 400, "{answer:?}");
        assert!(!answer.body.contains("山田"), "{answer:?}");
    }
    refused(api.of("reader").post("/v1/mask", &"x".repeat(70_000)), 413);
}
