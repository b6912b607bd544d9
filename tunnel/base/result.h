// tunnel/base/result.h: what can fail because of the network or a person returns Result<T>.
// What only we can get wrong is an assert. Exceptions are for start-up code alone.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace culvert {

// DO NOT CHANGE THE VALUES: they travel in RESET frames and refusals (PROTOCOL.md section 5.6),
// and each names the errno that an unmodified program is shown for it.
enum class ErrorCode : std::uint8_t {
  kNone = 0,
  kRefused = 1,             // ECONNREFUSED: the far end's port is closed
  kHostUnreachable = 2,     // EHOSTUNREACH: no such endpoint now, or no route to the host
  kNetworkUnreachable = 3,  // ENETUNREACH: no session to the service, or no route at all
  kTimedOut = 4,            // ETIMEDOUT: no answer in time
  kReset = 5,               // ECONNRESET: the far program or its machine aborted the stream
  kNotPermitted = 6,        // EACCES: policy forbids it (guarded connector, listen policy)
  kNameUnknown = 7,         // EAI_NONAME: no such name, or nothing listens there
  kTryAgain = 8,            // EAI_AGAIN: the answer is not to be had at the moment
  kProtocol = 9,            // the peer broke the protocol
  kAuthentication = 10,     // identity, certificate or token was not accepted
  kBadInput = 11,           // a person's input: configuration, token, option
  kIo = 12,                 // the local system failed us (file, descriptor, memory)
  kExhausted = 13,          // a bound was reached: streams, names, descriptors, quota
  kClosed = 14,             // ended in order
};

std::string_view to_string(ErrorCode code);  // "refused", "host-unreachable" ...
int to_errno(ErrorCode code);                // for connect(); kNone gives 0
ErrorCode from_errno(int error);             // of connect(), read(), write()
bool is_wire_error(std::uint8_t value);      // a value of the table above, kNone excluded

// `detail` says what failed, why, and what to do: it is shown to people as it stands.
struct Error {
  ErrorCode code = ErrorCode::kNone;
  std::string detail;
};

template <class T = void>
struct [[nodiscard]] Result : tl::expected<T, Error> {
  using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> fail(ErrorCode code, std::string detail = {}) {
  return tl::unexpected<Error>(Error{code, std::move(detail)});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

#define CULVERT_RETURN_IF_ERROR(expression)                      \
  do {                                                           \
    if (auto culvert_result = (expression); !culvert_result)     \
      return ::culvert::fail(std::move(culvert_result.error())); \
  } while (false)

}  // namespace culvert
