//! The services that interface servers belong to, and how a request's path names them.

use partyline_conference::ServiceName;

/// The service of conferences.
pub const CONFERENCING: &str = "conferencing";
/// The line test.
pub const LINETEST: &str = "linetest";

/// Every service that interface servers belong to. (Mixers are not asked through the proxy.)
pub const ALL: [&str; 2] = [CONFERENCING, LINETEST];

/// The paths whose streams stay open as long as a call.
const STREAMS: [&str; 2] =
    ["/partyline.conferencing.v1.Conferencing/Attend", "/partyline.linetest.v1.LineTest/Run"];

/// A service's name as a core type.
///
/// # Panics
/// Never for the names above.
#[must_use]
pub fn name(service: &'static str) -> ServiceName {
    ServiceName::new(service).expect("the services' names are plain words")
}

/// The service that a request's path names: `/partyline.linetest.v1.LineTest/Run` is of `linetest`. `None` for a path
/// that is not of this product; the service need not be a known one.
#[must_use]
pub fn of_path(path: &str) -> Option<&str> {
    let (package_and_service, method) = path.strip_prefix('/')?.split_once('/')?;
    let service = package_and_service.strip_prefix("partyline.")?.split_once('.')?.0;
    (!service.is_empty() && !method.is_empty()).then_some(service)
}

/// Whether a request's path names a stream that stays open as long as a call. All else is answered at once.
#[must_use]
pub fn is_stream(path: &str) -> bool {
    STREAMS.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_service() {
        assert_eq!(of_path("/partyline.conferencing.v1.Conferencing/Attend"), Some(CONFERENCING));
        assert_eq!(of_path("/partyline.conferencing.v1.Leases/RenewVru"), Some(CONFERENCING));
        assert_eq!(of_path("/partyline.linetest.v1.LineTest/Run"), Some(LINETEST));
        assert_eq!(of_path("/partyline.playback.v1.Playback/Play"), Some("playback"));
    }

    #[test]
    fn only_calls_are_streams() {
        assert!(is_stream("/partyline.conferencing.v1.Conferencing/Attend"));
        assert!(is_stream("/partyline.linetest.v1.LineTest/Run"));
        assert!(!is_stream("/partyline.conferencing.v1.Leases/RenewVru"));
        assert!(!is_stream("/partyline.conferencing.v1.Conferencing/Command"));
    }

    #[test]
    fn a_foreign_path_names_none() {
        for path in
            ["", "/", "/grpc.health.v1.Health/Check", "/partyline./x", "partyline.a.b/c", "/partyline.a.b/"]
        {
            assert_eq!(of_path(path), None, "{path:?}");
        }
    }
}
