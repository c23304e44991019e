//! Tasks: the text and whether it runs.

use super::{Desired, Difference, Kind, Observed, ObservedTask, Plan};
use crate::platform::{Task, TaskText};

pub(super) fn compare(desired: &Desired<'_>, observed: &Observed, plan: &mut Plan) {
    let tasks = &desired.platform.tasks;
    for (task, text) in tasks.iter().zip(&desired.tasks) {
        match find(task, observed) {
            None => {
                let mut fields = vec![("file", task.file.clone())];
                fields.push(("every", task.every.to_string()));
                if !task.offset.get().is_zero() {
                    fields.push(("offset", task.offset.to_string()));
                }
                if task.paused {
                    fields.push(("status", "paused".to_owned()));
                }
                plan.create(Kind::Task, &task.name, &fields);
            }
            Some(found) => {
                plan.update(
                    Kind::Task,
                    &task.name,
                    &found.id,
                    found.managed,
                    differences(task, text, found),
                );
            }
        }
    }
    for found in observed.tasks.iter().filter(|it| it.managed) {
        if !tasks
            .iter()
            .any(|it| find(it, observed).is_some_and(|it| it.id == found.id))
        {
            plan.delete(Kind::Task, &found.name, &found.id);
        }
    }
    for (index, found) in observed.tasks.iter().enumerate() {
        let first = observed.tasks.iter().position(|it| it.name == found.name);
        if first != Some(index) && tasks.iter().any(|it| it.name == found.name) {
            plan.notes.push(format!(
                "task {}: the server has another of that name (id {}), which is not touched",
                found.name, found.id
            ));
        }
    }
}

/// Names of tasks are not unique on the server: ours comes before a stranger's.
fn find<'a>(task: &Task, observed: &'a Observed) -> Option<&'a ObservedTask> {
    let named = |name: &str| {
        let all = || observed.tasks.iter().filter(|it| it.name == name);
        all().find(|it| it.managed).or_else(|| all().next())
    };
    named(&task.name).or_else(|| named(task.renamed_from.as_deref()?))
}

fn differences(task: &Task, text: &TaskText, found: &ObservedTask) -> Vec<Difference> {
    let status = |paused: bool| if paused { "paused" } else { "active" };
    let pairs = [
        ("name", found.name.clone(), task.name.clone()),
        (
            "flux",
            found.flux.trim().to_owned(),
            text.text().trim().to_owned(),
        ),
        (
            "status",
            status(found.paused).to_owned(),
            status(task.paused).to_owned(),
        ),
    ];
    pairs
        .into_iter()
        .filter_map(|(field, from, to)| Difference::of(field, from, to))
        .collect()
}
