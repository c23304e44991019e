//! `plan`, `drift` and `apply` on servers of other kinds than InfluxDB 2.

use std::process::ExitCode;

use super::change::{Lines, confirmed, is_drift, show};
use super::{Context, EXIT_DIFFERENT, print};
use crate::error::Result;
use crate::other_servers::{Observed, OtherServer};
use crate::plan::{self, Plan, vmauth};

pub(super) async fn plan(context: &Context<'_>, drift: bool) -> Result<ExitCode> {
    let client = context.client()?;
    let (_, mut plan) = compare(context, &server(context, &client)).await?;
    if drift {
        plan.changes.retain(is_drift);
    }
    show(context, &plan);
    Ok(match plan.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_DIFFERENT),
    })
}

pub(super) async fn apply(context: &Context<'_>, yes: bool) -> Result<ExitCode> {
    let client = context.client()?;
    let server = server(context, &client);
    let (observed, plan) = compare(context, &server).await?;
    show(context, &plan);
    if plan.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if !yes && !confirmed()? {
        print("Nothing was changed.\n");
        return Ok(ExitCode::FAILURE);
    }
    let mut lines = Lines::new(context.json());
    server
        .apply(context.platform, &observed, &plan, &mut lines)
        .await?;
    if !context.json() {
        print("Done.\n");
    }
    Ok(ExitCode::SUCCESS)
}

fn server<'a>(context: &Context<'_>, client: &'a watchpost_client::Client) -> OtherServer<'a> {
    OtherServer {
        client,
        tokens_folder: context.cli.tokens_dir.clone(),
    }
}

async fn compare(context: &Context<'_>, server: &OtherServer<'_>) -> Result<(Observed, Plan)> {
    let observed = server.observe(context.platform).await?;
    let plan = match &observed {
        Observed::Databases(found) => plan::plan_databases(context.platform, found),
        Observed::Flags(found) => vmauth::plan_users(context.platform, found),
    };
    Ok((observed, plan))
}
