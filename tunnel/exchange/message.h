// tunnel/exchange/message.h: what tokens and pieces say, as values and as octets (PROTOCOL.md
// section 1.1). Sealing is seal.h's.
#pragma once
#include <optional>
#include <variant>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/base/result.h"
#include "tunnel/base/time.h"

namespace culvert::exchange {

// DO NOT CHANGE THE VALUES: they travel.
enum class RequestKind : std::uint8_t {
  kPoll = 1,       // GET, answered as a whole: when there is something, or after `patience`
  kStream = 2,     // GET, answered bit by bit; a sign of life every `patience`
  kPost = 3,       // POST, complete
  kPostStream = 4  // POST whose body is written bit by bit
};

// How soon small pieces on a stream arrive, as their receiver found (punctuality.h).
// DO NOT CHANGE THE VALUES: they travel, in two bits.
enum class Passes : std::uint8_t {
  kUnknown = 0,
  kPromptly = 1,
  kPadded = 2,  // ... with padding behind them
  kLate = 3     // later than a whole body would
};

// Sealed in the target of each request.
struct Request {
  RequestKind kind = RequestKind::kPost;
  bool opens = false;    // no answer has come yet: the service begins the exchange if it is new
  bool trusted = false;  // kStream: streams are known to pass; put octets on it at once
  Passes passes = Passes::kUnknown;        // as in Stand
  std::uint64_t received = 0, credit = 0;  // as in Stand
  std::uint32_t patience_ms = 0;
  std::uint32_t most = 0;           // octets of payload the answer may have
  std::uint64_t proven = 0;         // newest kStream whose octets came while it was open
  std::vector<std::uint64_t> lost;  // requests whose answers did not come, at most kMaxLost
  bool operator==(const Request&) const = default;
};
inline constexpr std::size_t kMaxLost = 16;

ByteVector encode(const Request& request);
std::optional<Request> decode_request(Bytes text);

// Octets of the carrier. The end of the direction counts as one more octet.
struct Data {
  std::uint64_t offset = 0;
  bool last = false;
  Bytes octets;  // borrowed
};
// How far the sender of this is with the other direction.
struct Stand {
  std::uint64_t received = 0;  // everything before has arrived
  std::uint64_t credit = 0;    // more than this may not be sent
  // Newest request of which octets came before its end: at the service a kPostStream, at the client
  // the answer to a kStream.
  std::uint64_t seen = 0;
  bool more = false;                 // service: octets wait for requests to carry them
  Passes passes = Passes::kUnknown;  // small pieces on streams towards the sender of this
};
struct Padding {};  // fills what a middlebox holds back
struct Mark {       // padding, too, for who does not measure
  enum class Kind : std::uint8_t { kWhole, kPadded, kBare };  // how it travels; the values do
  Kind kind = Kind::kWhole;
  std::uint32_t time = 0;  // when it left, in milliseconds of any clock
};
struct End {};  // of a body: without it, the body was cut
struct Gone {   // there is no such exchange here, or it was aborted
  ErrorCode code = ErrorCode::kReset;
};
using Piece = std::variant<Data, Stand, Padding, Mark, End, Gone>;

inline constexpr std::size_t kMaxPieceData = 16 * 1024;
// Where bodies are stored on the way: one for a connection behind the middlebox, five for a whole
// request on it, as it begins slowly (client.h). With one the windows of a session
// came to rest at 5 MB/s instead of 16, and where bodies stream at 12 instead of 20 (40 ms,
// measured through nginx, and squid with an inspector).
inline constexpr int kBulkRoundTrips = 6;
inline constexpr std::size_t kDataHeader = 10;

ByteVector encode(const Piece& piece);
Result<Piece> decode_piece(Bytes text);  // borrows from `text`

}  // namespace culvert::exchange
