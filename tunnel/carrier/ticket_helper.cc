#include "tunnel/carrier/ticket_helper.h"

#include <unistd.h>

#include <algorithm>

#include "tunnel/carrier/opening_layer.h"
#include "tunnel/loop/child_process.h"
#include "tunnel/loop/timer.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kMostAnswer = 96 * 1024;  // tickets of Active Directory have at most 64 KiB
constexpr std::chrono::seconds kLimit{10};

std::vector<std::string> own_environment() {  // where Kerberos keeps its things
  std::vector<std::string> out;
  for (char** one = environ; *one != nullptr; ++one) out.emplace_back(*one);
  return out;
}

class Asking final : public TicketSource::Question,
                     private loop::ChildProcess::Listener,
                     private loop::Timer::Listener {
 public:
  Asking(loop::Loop& loop, const std::string& program, const std::string& host,
         TicketSource::Listener& listener)
      : listener_(listener), timer_(loop, *this) {
    const auto started =
        loop::ChildProcess::start(loop, {program, host}, own_environment(),
                                  static_cast<loop::ChildProcess::Listener&>(*this), child_);
    if (!started) early_failure_ = started.error();
    timer_.start(early_failure_ ? Duration::zero() : Duration{kLimit});
  }

  void go_on(const std::string& answer) override {
    said_.clear();
    done_ = false;
    if (!early_failure_) child_->write(as_bytes("answer " + answer + "\n"));
    timer_.start(early_failure_ ? Duration::zero() : Duration{kLimit});
  }

 private:
  void on_child_output(loop::ChildProcess&, Bytes output) override {
    if (done_) return;  // it was not asked
    said_ += as_text(output);
    const auto end = said_.find('\n');
    if (end != std::string::npos) return finish(parse_ticket_line(said_.substr(0, end)));
    if (said_.size() > kMostAnswer)
      finish(fail(ErrorCode::kAuthentication, "the ticket is too large"));
  }
  void on_child_ended(loop::ChildProcess&) override {
    const bool spoke = done_;
    if (!spoke)
      return finish(
          fail(ErrorCode::kAuthentication, "Kerberos is not installed here (libgssapi-krb5-2)"));
    early_failure_ = {ErrorCode::kAuthentication, "culvert-ticket ended before its login did"};
  }
  void on_timer(loop::Timer&) override {
    if (early_failure_) return finish(fail(*early_failure_));
    finish(fail(ErrorCode::kAuthentication, "no ticket came within 10 s"));
  }
  void finish(Result<std::string> ticket) {
    if (std::exchange(done_, true)) return;
    timer_.stop();
    listener_.on_ticket(std::move(ticket));
  }

  TicketSource::Listener& listener_;
  std::string said_;
  bool done_ = false;
  std::optional<Error> early_failure_;
  std::optional<loop::ChildProcess> child_;
  loop::Timer timer_;
};

}  // namespace

Result<std::string> parse_ticket_line(std::string_view line) {
  constexpr std::string_view kTicket = "ticket ", kNone = "none ";
  if (line.starts_with(kNone))
    return fail(ErrorCode::kAuthentication, printable(line.substr(kNone.size())));
  const auto is_base64 = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=';
  };
  if (!line.starts_with(kTicket) || line.size() == kTicket.size() ||
      !std::ranges::all_of(line.substr(kTicket.size()), is_base64))
    return fail(ErrorCode::kAuthentication, "culvert-ticket gave no ticket");
  return std::string(line.substr(kTicket.size()));
}

std::unique_ptr<TicketSource::Question> TicketHelper::ask(const std::string& host,
                                                          Listener& listener) {
  return std::make_unique<Asking>(loop_, program_, host, listener);
}

}  // namespace culvert::carrier
