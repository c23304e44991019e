//! The tree of routes: which receiver hears of an alert, and how alerts are grouped for it.

use super::mute::MuteWindow;
use crate::alert::{Nanos, SECOND};
use crate::labels::Labels;
use crate::matcher::{Matcher, all_match};
use crate::trouble::failing_receiver;

/// Groups are a rule and a host by default, so waiting for company would only cost time.
pub const DEFAULT_GROUP_WAIT: Nanos = 0;
/// How soon a resolve, or a new alert of a known group, may follow.
pub const DEFAULT_GROUP_INTERVAL: Nanos = 60 * SECOND;
/// The same alert is not told again for half an hour.
pub const DEFAULT_REPEAT_INTERVAL: Nanos = 30 * 60 * SECOND;

#[derive(Clone, Debug, PartialEq)]
pub enum GroupBy {
    /// `["..."]`: each alert is alone.
    All,
    Labels(Vec<String>),
}

/// When nobody acknowledges: tell someone else, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalation {
    pub after: Nanos,
    pub receiver: String,
}

/// One node. A child has all values resolved: what it does not set it has from its parent.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub receiver: String,
    pub matchers: Vec<Matcher>,
    pub group_by: GroupBy,
    pub group_wait: Nanos,
    pub group_interval: Nanos,
    pub repeat_interval: Nanos,
    /// Later siblings are asked, too.
    pub proceeds: bool,
    pub mute: Vec<MuteWindow>,
    pub active: Vec<MuteWindow>,
    pub escalation: Option<Escalation>,
    pub routes: Vec<Route>,
}

impl Route {
    /// A route of all alerts to one receiver with the default times.
    pub fn to(receiver: &str) -> Route {
        Route {
            receiver: receiver.to_owned(),
            matchers: Vec::new(),
            group_by: GroupBy::Labels(vec!["alertname".to_owned(), "host".to_owned()]),
            group_wait: DEFAULT_GROUP_WAIT,
            group_interval: DEFAULT_GROUP_INTERVAL,
            repeat_interval: DEFAULT_REPEAT_INTERVAL,
            proceeds: false,
            mute: Vec::new(),
            active: Vec::new(),
            escalation: None,
            routes: Vec::new(),
        }
    }
}

/// A node of the flattened tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// Stable text of the place in the tree: the matchers from the root to here.
    pub key: String,
    pub route: Route,
    /// Where alerts of this node go when nobody acknowledges.
    pub escalates_to: Option<usize>,
    children: Vec<usize>,
}

#[derive(Clone, Debug)]
pub struct RouteTree {
    nodes: Vec<Node>,
}

impl RouteTree {
    pub fn new(root: Route) -> RouteTree {
        let mut tree = RouteTree { nodes: Vec::new() };
        tree.add(root, "");
        tree
    }

    fn add(&mut self, mut route: Route, parent_key: &str) -> usize {
        let matchers = route
            .matchers
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(",");
        let key = format!("{parent_key}{{{matchers}}}");
        let routes = std::mem::take(&mut route.routes);
        let index = self.nodes.len();
        self.nodes.push(Node {
            key: key.clone(),
            route,
            escalates_to: None,
            children: Vec::new(),
        });
        let children = routes
            .into_iter()
            .map(|child| self.add(child, &key))
            .collect();
        self.nodes[index].children = children;
        if let Some(escalation) = self.nodes[index].route.escalation.clone() {
            let mut route = self.nodes[index].route.clone();
            route.receiver = escalation.receiver;
            route.escalation = None;
            route.group_wait = 0;
            let node = Node {
                key: format!("{key}/escalation"),
                route,
                escalates_to: None,
                children: Vec::new(),
            };
            self.nodes.push(node);
            self.nodes[index].escalates_to = Some(self.nodes.len() - 1);
        }
        index
    }

    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// The nodes below a node, in the order of the file.
    pub fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        self.nodes[index].children.iter().copied()
    }

    pub fn nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate()
    }

    /// The nodes that hear of these labels, deepest match of each branch, never none: what no
    /// child takes stays with the root. That a receiver fails goes past that receiver: where only
    /// it would hear of itself, the first node with another one does.
    pub fn find(&self, labels: &Labels) -> Vec<usize> {
        let mut found = Vec::new();
        self.descend(0, labels, &mut found);
        let Some(failing) = failing_receiver(labels) else {
            return found;
        };
        let other = |index: &usize| self.nodes[*index].route.receiver != failing;
        if found.iter().any(other) {
            found.retain(other);
        } else if let Some(index) = (0..self.nodes.len()).find(other) {
            found = vec![index];
        }
        found
    }

    fn descend(&self, index: usize, labels: &Labels, found: &mut Vec<usize>) {
        let before = found.len();
        for &child in &self.nodes[index].children {
            let route = &self.nodes[child].route;
            if all_match(&route.matchers, labels) {
                self.descend(child, labels, found);
                if !route.proceeds {
                    break;
                }
            }
        }
        if found.len() == before {
            found.push(index);
        }
    }

    /// The labels that name the group of an alert under a node.
    pub fn group_labels(&self, index: usize, labels: &Labels) -> Labels {
        match &self.nodes[index].route.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.project(names),
        }
    }
}
