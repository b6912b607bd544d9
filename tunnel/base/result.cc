#include "tunnel/base/result.h"

#include <cerrno>

namespace culvert {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNone: return "none";
    case ErrorCode::kRefused: return "refused";
    case ErrorCode::kHostUnreachable: return "host-unreachable";
    case ErrorCode::kNetworkUnreachable: return "network-unreachable";
    case ErrorCode::kTimedOut: return "timed-out";
    case ErrorCode::kReset: return "reset";
    case ErrorCode::kNotPermitted: return "not-permitted";
    case ErrorCode::kNameUnknown: return "name-unknown";
    case ErrorCode::kTryAgain: return "try-again";
    case ErrorCode::kProtocol: return "protocol";
    case ErrorCode::kAuthentication: return "authentication";
    case ErrorCode::kBadInput: return "bad-input";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kExhausted: return "exhausted";
    case ErrorCode::kClosed: return "closed";
  }
  return "unknown";
}

int to_errno(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNone: return 0;
    case ErrorCode::kRefused: return ECONNREFUSED;
    case ErrorCode::kHostUnreachable:
    case ErrorCode::kNameUnknown: return EHOSTUNREACH;
    case ErrorCode::kNetworkUnreachable:
    case ErrorCode::kTryAgain: return ENETUNREACH;
    case ErrorCode::kTimedOut: return ETIMEDOUT;
    case ErrorCode::kReset:
    case ErrorCode::kProtocol:
    case ErrorCode::kClosed: return ECONNRESET;
    case ErrorCode::kNotPermitted:
    case ErrorCode::kAuthentication: return EACCES;
    case ErrorCode::kBadInput: return EINVAL;
    case ErrorCode::kIo: return EIO;
    // Not EAGAIN: programs take that of a connect() for "in progress", and go on with what is none.
    case ErrorCode::kExhausted: return ENOBUFS;
  }
  return EIO;
}

ErrorCode from_errno(int error) {
  switch (error) {
    case 0: return ErrorCode::kNone;
    case ECONNREFUSED: return ErrorCode::kRefused;
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENOPROTOOPT: return ErrorCode::kHostUnreachable;
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL: return ErrorCode::kNetworkUnreachable;
    case ETIMEDOUT: return ErrorCode::kTimedOut;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED: return ErrorCode::kReset;
    case EACCES:
    case EPERM: return ErrorCode::kNotPermitted;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return ErrorCode::kExhausted;
    default: return ErrorCode::kIo;
  }
}

bool is_wire_error(std::uint8_t value) {
  return value >= static_cast<std::uint8_t>(ErrorCode::kRefused) &&
         value <= static_cast<std::uint8_t>(ErrorCode::kClosed);
}

}  // namespace culvert
