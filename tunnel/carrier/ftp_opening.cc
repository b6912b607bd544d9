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

FtpLogin::FtpLogin(std::shared_ptr<FtpProxyLogin> login, bool extended, std::string folder)
    : login_(std::move(login)), extended_(extended), folder_(std::move(folder)) {}

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
      log_in();
      return {};
    case State::kLogin: return judge_login(reply);
    case State::kType:
      if (reply.kind() != 2) return refused("TYPE I", reply);
      if (!folder_.empty()) {
        command(State::kFolder, "CWD " + folder_);
        return {};
      }
      command(State::kPassive, extended_ ? "EPSV" : "PASV");
      return {};
    case State::kFolder:
      if (reply.kind() != 2) return refused("CWD", reply);
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

void FtpLogin::log_in() {
  said_ = 1;
  command(State::kLogin, login_->commands().front());
}

Result<void> FtpLogin::judge_login(const FtpReply& reply) {
  const auto& commands = login_->commands();
  const auto begins_user = [&] { return commands[said_].starts_with("USER "); };
  if (reply.kind() == 2) {  // no need of the password, if that would be next
    while (said_ < commands.size() && !begins_user()) ++said_;
    if (said_ < commands.size())
      command(State::kLogin, commands[said_++]);
    else
      command(State::kType, "TYPE I");
    return {};
  }
  if (reply.kind() != 3 || said_ == commands.size() || begins_user()) return another_form(reply);
  command(State::kLogin, commands[said_++]);
  return {};
}

Result<void> FtpLogin::another_form(const FtpReply& reply) {
  const auto code = code_of(reply.code);
  const bool is_misunderstood = code == ErrorCode::kAuthentication || code == ErrorCode::kProtocol;
  if (is_misunderstood && login_->has_another_form()) {
    login_->take_another_form();
    log_in();
    return {};
  }
  return refused(login_->knows_somebody() ? "the login with the user of its URL" : "USER", reply);
}

Error FtpLogin::on_end() {
  if (state_ == State::kLogin && login_->has_another_form()) {
    login_->take_another_form();
    wants_new_connection_ = true;
  }
  return ended();
}

FtpTransfer::FtpTransfer(const std::string& command) : verb_(command.substr(0, command.find(' '))) {
  say(as_bytes(command + "\r\n"));
}

Result<std::size_t> FtpTransfer::converse(Bytes received) {
  std::size_t taken = 0;
  const auto reply = parse_ftp_reply(received, taken);
  if (!reply) return fail(reply.error());
  if (!*reply) return 0;
  if ((**reply).kind() != 1) return refused(verb_, **reply);
  finish();
  return taken;
}

Error FtpTransfer::on_end() { return ended(); }

}  // namespace culvert::carrier
