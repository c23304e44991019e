//! From the credentials of a request to the caller they stand for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::auth::permission::{Action, Permission, Permissions, ResourceType};
use crate::auth::session::{COOKIE, Sessions};
use crate::auth::token::TokenHash;
use crate::meta::{Authorization, Id, Role, State};
use crate::query::Asker;

/// What a request brought to say who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Token …` or `Bearer …`.
    Token(String),
    /// The session cookie.
    Session(String),
    /// Name and password of version 1's forms; the password may be a token.
    Password {
        /// Of an authorization of version 1, or anything beside a token.
        name: String,
        /// Its password, or a token.
        password: String,
    },
}

/// Who makes a request, and what they may do.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user who signed in or made the token.
    pub user: Id,
    /// The token's id; none for a session.
    pub token: Option<Id>,
    /// What they may do.
    pub permissions: Permissions,
    /// Whether the token is switched off: then they may do nothing, and are answered so.
    pub is_inactive: bool,
}

impl Caller {
    /// Whose share of the turns their queries take: the token's, or the user's without one.
    pub fn holder(&self) -> Id {
        self.token.unwrap_or(self.user)
    }

    /// As the queue of queries knows them.
    pub fn asker(&self, org: Id) -> Asker {
        Asker {
            user: self.user,
            holder: self.holder(),
            reads: self.permissions.read_any_bucket(org),
        }
    }

    /// Whether they may.
    pub fn may(&self, needed: &Permission) -> bool {
        self.permissions.allow(needed)
    }
}

impl Credentials {
    /// From the headers of version 2: a token, else a session cookie. The scheme's case does not matter.
    pub fn from_headers(authorization: Option<&str>, cookie: Option<&str>) -> Option<Self> {
        if let Some(header) = authorization {
            let (scheme, token) = header.split_once(' ')?;
            let is_token =
                scheme.eq_ignore_ascii_case("Token") || scheme.eq_ignore_ascii_case("Bearer");
            return (is_token && !token.is_empty()).then(|| Self::Token(token.to_owned()));
        }
        session_key(cookie?).map(Self::Session)
    }

    /// From what version 1's clients send: name and password by Basic, by `Token name:password`, or by `u` and `p` in
    /// the URL; a token does as the password.
    pub fn from_version_one(
        authorization: Option<&str>,
        name: Option<&str>,
        password: Option<&str>,
    ) -> Option<Self> {
        let pair = |name: &str, password: &str| Self::Password {
            name: name.to_owned(),
            password: password.to_owned(),
        };
        if let Some((name, password)) = authorization.and_then(basic) {
            return Some(pair(&name, &password));
        }
        match Self::from_headers(authorization, None) {
            Some(Self::Token(token)) => match token.split_once(':') {
                Some((name, password)) => Some(pair(name, password)),
                None => Some(Self::Token(token)),
            },
            Some(other) => Some(other),
            None => {
                let password = password.filter(|token| !token.is_empty())?;
                Some(pair(name.unwrap_or_default(), password))
            }
        }
    }

    /// The caller, if the token or session is known and its user is active. Of a name and password only whether the
    /// password is a token: [`crate::auth::checks`] knows the others.
    pub fn caller(&self, state: &State, sessions: &Sessions, now: i64) -> Option<Caller> {
        match self {
            Self::Token(token)
            | Self::Password {
                password: token, ..
            } => {
                let authorization = state.authorization_by_hash(&TokenHash::of(token))?;
                authorization
                    .token_hash
                    .matches(token)
                    .then(|| of_authorization(state, authorization))
            }
            Self::Session(key) => {
                let user = sessions.user(key, now)?;
                state.is_active(user).then(|| Caller {
                    user,
                    token: None,
                    permissions: of_user(state, user),
                    is_inactive: false,
                })
            }
        }
    }
}

/// The caller that an authorization stands for.
pub fn of_authorization(state: &State, authorization: &Authorization) -> Caller {
    let permissions = if authorization.active && state.is_active(authorization.user) {
        authorization.permissions.clone()
    } else {
        // As InfluxDB does: an inactive token is known, but may do nothing.
        Vec::new()
    };
    Caller {
        user: authorization.user,
        token: Some(authorization.id),
        permissions: Permissions::new(permissions),
        is_inactive: !authorization.active,
    }
}

/// The user name and password of `Authorization: Basic …`.
pub fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The session's key among the cookies.
pub fn session_key(cookies: &str) -> Option<String> {
    cookies.split(';').find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then(|| value.to_owned())
    })
}

/// What a signed-in user may: what their roles in organizations give, and to see and change themselves.
pub fn of_user(state: &State, user: Id) -> Permissions {
    let mut permissions = vec![
        Permission::global(Action::Read, ResourceType::Users, user),
        Permission::global(Action::Write, ResourceType::Users, user),
    ];
    for member in state.members.values().filter(|member| member.user == user) {
        if member.resource_type != ResourceType::Orgs {
            continue;
        }
        permissions.extend(match member.role {
            Role::Owner => Permission::owner(member.resource),
            Role::Member => Permission::member(member.resource),
        });
    }
    Permissions::new(permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_in_several_forms() {
        let token = |text: &str| Some(Credentials::Token(text.to_owned()));
        assert_eq!(
            Credentials::from_headers(Some("Token abc"), None),
            token("abc")
        );
        assert_eq!(
            Credentials::from_headers(Some("bearer abc"), None),
            token("abc")
        );
        assert_eq!(Credentials::from_headers(Some("abc"), None), None);
        assert_eq!(Credentials::from_headers(Some("Token "), None), None);
        assert_eq!(Credentials::from_headers(Some("Basic YTpi"), None), None);
        let pair = |name: &str, password: &str| {
            Some(Credentials::Password {
                name: name.to_owned(),
                password: password.to_owned(),
            })
        };
        let version_one = Credentials::from_version_one;
        assert_eq!(version_one(Some("Basic YTpi"), None, None), pair("a", "b"));
        assert_eq!(version_one(Some("Token a:b"), None, None), pair("a", "b"));
        assert_eq!(version_one(Some("Token abc"), None, None), token("abc"));
        assert_eq!(version_one(None, Some("u"), Some("p")), pair("u", "p"));
        assert_eq!(version_one(None, None, Some("p")), pair("", "p"));
        assert_eq!(version_one(None, Some("u"), None), None);
        assert_eq!(
            Credentials::from_headers(None, Some("a=b; influxdb-oss-session=k")),
            Some(Credentials::Session("k".to_owned()))
        );
    }
}
