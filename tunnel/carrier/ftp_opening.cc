#include "tunnel/carrier/ftp_opening.h"

namespace culvert::carrier {
namespace {

constexpr int kMostReplies = 32;  // "120 in 5 minutes" may be said any number of times

ErrorCode code_of(int code) {
  if (code == 530 || code == 532 || code == 332) return ErrorCode::kAuthentication;
  if (code == 421 || code == 450 || code == 451) return ErrorCode::kExhausted;
  if (code == 425 || code == 426) return ErrorCode::kHostUnreachable;
  if (code == 550 || code == 553) return ErrorCode::kNotPermitted;
  return ErrorCode::kProtocol;
}

tl::unexpected<Error> refused(const std::string& command, const FtpReply& reply) {
  std::string meaning = "it knows no way to another server by this command";
  switch (code_of(reply.code)) {
    case ErrorCode::kAuthentication:
      meaning = "it wants another login, or does not get to the service";
      break;
    case ErrorCode::kExhausted: meaning = "it is too busy, or does not get to the service"; break;
    case ErrorCode::kHostUnreachable: meaning = "it does not get to the service"; break;
    case ErrorCode::kNotPermitted: meaning = "its rules forbid this"; break;
    default: break;
  }
  return fail(code_of(reply.code),
              "the FTP proxy answered " + command + " with " + reply.to_string() + ": " + meaning);
}

Error ended() {
  return {ErrorCode::kReset,
          "the FTP proxy ended the connection: it may not get to the service, or not want to"};
}

}  // namespace

FtpLogin::FtpLogin(const HostPort& target, bool extended)
    : user_("anonymous@" + target.to_string()), extended_(extended) {}

void FtpLogin::command(State next, const std::string& line) {
  state_ = next;
  say(as_bytes(line + "\r\n"));
}

Result<std::size_t> FtpLogin::converse(Bytes received) {
  std::size_t taken = 0;
  const auto reply = parse_ftp_reply(received, taken);
  if (!reply) return fail(reply.error());
  if (!*reply) return 0;
  if (++replies_ > kMostReplies)
    return fail(ErrorCode::kProtocol,
                "the FTP proxy answers and answers (" + (**reply).to_string() + ")");
  if ((**reply).kind() != 1) CULVERT_RETURN_IF_ERROR(judge(**reply));
  return taken;
}

Result<void> FtpLogin::judge(const FtpReply& reply) {
  switch (state_) {
    case State::kGreeting:
      if (reply.kind() != 2) return refused("the connection", reply);
      command(State::kUser, "USER " + user_);
      return {};
    case State::kUser:
      if (reply.code == 331) {
        command(State::kPassword, "PASS guest@");
        return {};
      }
      [[fallthrough]];
    case State::kPassword:
      if (reply.kind() != 2) return refused("USER " + user_, reply);
      command(State::kType, "TYPE I");
      return {};
    case State::kType:
      if (reply.kind() != 2) return refused("TYPE I", reply);
      command(State::kPassive, extended_ ? "EPSV" : "PASV");
      return {};
    case State::kPassive: break;
  }
  const auto port = passive_port(reply);
  if (!port) return refused(extended_ ? "EPSV" : "PASV", reply);
  data_port_ = *port;
  finish();
  return {};
}

Error FtpLogin::on_end() { return ended(); }

FtpRetrieve::FtpRetrieve() { say(as_bytes("RETR /culvert\r\n")); }

Result<std::size_t> FtpRetrieve::converse(Bytes received) {
  std::size_t taken = 0;
  const auto reply = parse_ftp_reply(received, taken);
  if (!reply) return fail(reply.error());
  if (!*reply) return 0;
  if ((**reply).kind() != 1) return refused("RETR", **reply);
  finish();
  return taken;
}

Error FtpRetrieve::on_end() { return ended(); }

}  // namespace culvert::carrier
