#include "tunnel/proxies/pac_run.h"

#include <algorithm>

namespace culvert::proxies {
namespace {

// The answers may differ: ftp:// often names the FTP or SOCKS proxy.
constexpr std::string_view kSchemes[] = {"https", "http", "ftp"};

std::vector<std::string> arguments(const std::string& worker, const PacRun::Question& question) {
  std::vector<std::string> words{worker, question.script_url, question.host, question.own_address};
  for (const auto scheme : kSchemes) {
    auto url = std::string(scheme) + "://" + question.host;
    if (scheme == "https" && question.port != 443) url += ":" + std::to_string(question.port);
    words.push_back(url + "/");
  }
  return words;
}

void merge(PacAnswer& into, PacAnswer&& more) {
  for (auto& url : more.urls)
    if (into.urls.size() < kMostPacProxies &&
        std::find(into.urls.begin(), into.urls.end(), url) == into.urls.end())
      into.urls.push_back(std::move(url));
  into.direct |= more.direct;
}

}  // namespace

PacRun::PacRun(loop::Loop& loop, const std::string& worker, Question question, NameLookup& names,
               Listener& listener)
    : question_(std::move(question)),
      names_(names),
      listener_(listener),
      timer_(loop, *this),
      urls_asked_(std::size(kSchemes)) {
  auto child = loop::ChildProcess::start(loop, arguments(worker, question_),
                                         {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"},
                                         static_cast<loop::ChildProcess::Listener&>(*this), child_);
  if (!child) early_failure_ = child.error();
  timer_.start(early_failure_ ? Duration::zero() : Duration{kFetchLimit});
}

PacRun::~PacRun() {
  if (looking_up_) names_.forget();
}

void PacRun::finish(Result<PacAnswer> answer) {
  timer_.stop();
  listener_.on_pac_answer(*this, std::move(answer));
}

void PacRun::on_timer(loop::Timer&) {
  if (early_failure_) return finish(fail(*early_failure_));
  // What it gave for other URLs before it got lost is as good as if it had ended.
  if (!answer_.urls.empty()) return finish(std::move(answer_));
  finish(fail(ErrorCode::kTimedOut,
              question_.script_url + (running_ ? ": the script took longer than 2 s and was stopped"
                                               : ": it was not there within 6 s")));
}

void PacRun::on_child_output(loop::ChildProcess&, Bytes output) {
  input_ += as_text(output);
  while (true) {
    const auto frame = take_pac_frame(input_);
    if (!frame) return finish(fail(frame.error()));
    if (!*frame) return;
    const auto last = take(**frame);
    if (!last) return finish(fail(last.error()));
    if (!*last) continue;
    if (answer_.urls.empty() && !answer_.direct)
      return finish(fail(ErrorCode::kBadInput, question_.script_url + ": " + why_not_));
    return finish(std::move(answer_));
  }
}

Result<bool> PacRun::take(const PacFrame& frame) {
  switch (frame.type) {
    case PacFrameType::kRunning:
      if (!std::exchange(running_, true)) timer_.start(kRunLimit);
      return false;
    case PacFrameType::kResolve:
      if (std::exchange(looking_up_, true))
        return fail(ErrorCode::kProtocol, "the PAC worker asked twice at once");
      names_.look_up(frame.payload, static_cast<NameLookup::Answer&>(*this));
      return false;
    case PacFrameType::kReturned:
      merge(answer_, parse_pac_answer(frame.payload));
      return ++answered_ == urls_asked_;
    case PacFrameType::kThrew: why_not_ = frame.payload; return ++answered_ == urls_asked_;
    case PacFrameType::kUnfetched: return fail(ErrorCode::kIo, frame.payload);
    case PacFrameType::kLiterals: {  // a line that says why, then one for each proxy
      std::string text;              // in the form that parse_pac_answer() checks
      why_not_ = frame.payload.substr(0, frame.payload.find('\n'));
      for (auto rest = std::string_view(frame.payload).substr(why_not_.size()); !rest.empty();) {
        rest.remove_prefix(1);
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(line.size());
        text += std::string(line) + ";";
      }
      answer_ = {};
      if (text.size() > 1) answer_ = parse_pac_answer(text);
      return true;
    }
    case PacFrameType::kAddress: break;
  }
  return fail(ErrorCode::kProtocol, "the PAC worker sent what only its parent may");
}

void PacRun::on_looked_up(const std::string& ipv4) {
  looking_up_ = false;
  std::string frame;
  append_pac_frame(frame, PacFrameType::kAddress, ipv4);
  child_->write(as_bytes(frame));
}

void PacRun::on_child_ended(loop::ChildProcess&) {
  if (!answer_.urls.empty()) return finish(std::move(answer_));
  finish(
      fail(ErrorCode::kExhausted,
           question_.script_url + (running_ ? ": the script was stopped: it used more time or "
                                              "memory than it may"
                                            : ": the PAC worker ended before it said anything")));
}

}  // namespace culvert::proxies
