// tunnel/crypto/replay_guard.h: accepts each handshake of a static key once. First messages carry
// their sender's time and may carry data that acts at once, so a recorded one must not work again.
//
// Knows no clock: the times are the sender's, Unix nanoseconds, and only compared with each other,
// so a sender whose clock is wrong is no problem until it steps back. A clock that steps back locks
// its endpoint out until it catches up (kMostAhead bounds it); forget() is the way out
// (re-enrolment).
//
// Handshakes of one key on different connections may overtake each other: any not yet seen time
// that is less than kWindow behind the newest is accepted, once. Call accept() only after the
// handshake proved that its sender holds the key, and for keys the owner knows, else strangers
// fill the table.
//
// A restart forgets what was within the window: import() refuses everything up to the newest time
// exported. Export before answering a handshake, or accept that the last ones before a crash could
// be repeated.
#pragma once
#include <map>
#include <vector>

#include "tunnel/base/result.h"
#include "tunnel/base/time.h"
#include "tunnel/crypto/keys.h"

namespace culvert::crypto {

// A time that far ahead of ours would lock its sender out until then, once its clock is right
// again. A clock that runs on another zone's time passes.
inline constexpr std::chrono::hours kMostAhead{24};
// kAuthentication, with what to do. Asked before accept().
Result<void> check_not_ahead(UnixTime sent, UnixTime now);

class ReplayGuard {
 public:
  static constexpr Duration kWindow = std::chrono::seconds(10);
  static constexpr std::size_t kMaxRemembered = 64;  // times per key; then its floor rises

  struct Floor {
    PublicKey key;
    UnixTime newest;  // this and everything before it is refused
    bool operator==(const Floor&) const = default;
  };

  // Refuses with kAuthentication. Remembers the time only if it accepts it.
  Result<void> accept(const PublicKey& key, UnixTime sent);

  std::vector<Floor> export_floors() const;  // in the order of the keys
  void import_floor(const Floor& floor);     // never lowers a floor that is there
  void forget(const PublicKey& key) { parties_.erase(key); }
  std::size_t party_count() const { return parties_.size(); }

 private:
  struct Party {
    UnixTime floor = UnixTime::min();  // refused up to here
    std::vector<UnixTime> accepted;    // ascending, all above the floor; the newest is the last

    UnixTime newest() const { return accepted.empty() ? floor : accepted.back(); }
    void raise_floor(UnixTime to);
  };
  std::map<PublicKey, Party> parties_;
};

}  // namespace culvert::crypto
