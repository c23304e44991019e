//! The chart of a Slack message, in its thread: Slack shows a picture that it holds itself, or one at a public
//! address, which a chart never has.
//!
//! It is uploaded once the message is there, and beside it: a message neither waits for its picture nor fails
//! with it. Who gave the bot no scope `files:write` has no chart.

use serde_json::{Value, json};
use watchpost_service::secret::Secret;

use super::http::{exchange, shown};

/// Where a message stands, and how to speak to Slack.
pub(super) struct Thread {
    pub(super) http: reqwest::Client,
    pub(super) api_url: String,
    pub(super) token: Secret,
    pub(super) channel: String,
    pub(super) ts: String,
}

impl Thread {
    /// Uploads the picture and shares it below the message.
    pub(super) async fn share(self, png: Vec<u8>) {
        if let Err(error) = self.upload(png).await {
            tracing::info!(
                error,
                "the message has no chart: Slack did not take it (scope files:write)"
            );
        }
    }

    /// In the three steps of `files.getUploadURLExternal`.
    async fn upload(&self, png: Vec<u8>) -> Result<(), String> {
        let length = png.len().to_string();
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("filename", "chart.png")
            .append_pair("length", &length)
            .append_pair("alt_txt", "Chart of the series")
            .finish();
        let place = self.ask("files.getUploadURLExternal", |request| {
            request
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form)
        });
        let place = place.await?;
        let text = |name: &str| place[name].as_str().map(str::to_owned).unwrap_or_default();
        let (url, file) = (text("upload_url"), text("file_id"));
        if !url.starts_with("https://") && !url.starts_with(&self.api_url) {
            return Err("the address to upload to is not an https one".to_owned());
        }
        let picture = self.http.post(&url).header("Content-Type", "image/png");
        let taken = exchange(picture.body(png)).await;
        taken.map_err(|failure| failure.reason)?;
        let share = json!({
            "files": [{ "id": file, "title": "Chart of the series" }],
            "channel_id": self.channel,
            "thread_ts": self.ts,
        });
        let shared = self.ask("files.completeUploadExternal", |request| {
            request.json(&share)
        });
        shared.await.map(drop)
    }

    async fn ask(
        &self,
        method: &str,
        fill: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Value, String> {
        let request = self.http.post(format!("{}/{method}", self.api_url));
        let request = fill(request.bearer_auth(self.token.reveal()));
        let body = exchange(request).await.map_err(|failure| failure.reason)?;
        let answer: Value = serde_json::from_str(&body).map_err(|_| shown(&body))?;
        match answer["ok"] == json!(true) {
            true => Ok(answer),
            false => Err(format!(
                "{method}: {}",
                answer["error"].as_str().unwrap_or("unknown error")
            )),
        }
    }
}
