#include "agent/publish_consent.h"

#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "agent/program_path.h"
#include "agent/prompt_command.h"
#include "agent/state_file.h"
#include "tunnel/base/log.h"

namespace culvert::agent {
namespace {

bool may_reach(uid_t uid) { return ::geteuid() == 0 || ::geteuid() == uid; }

}  // namespace

PublishConsent::PublishConsent(loop::Loop& loop, const PublishPolicy& policy, std::string file,
                               Listener& listener)
    : loop_(loop), policy_(policy), file_(std::move(file)), listener_(listener) {}

Result<void> PublishConsent::load() {
  const auto text = read_state_file(file_, Privacy::kOrdinary);
  if (!text && text.error().code == ErrorCode::kNameUnknown) return {};
  if (!text) return fail(text.error());
  if (const auto loaded = decisions_.load(*text); !loaded)
    return fail(loaded.error().code,
                file_ + ": " + loaded.error().detail + "; correct it, or remove the file");
  return {};
}

void PublishConsent::ask(const ProgramListener& listener) {
  if (policy_.policy == PublishPolicy::Policy::kAlways) return listener_.on_may_publish(listener);
  const PublishWish wish{listener.asker.uid, listener.local.port, listener.program};
  if (const auto known = decisions_.find(wish)) {
    if (*known) listener_.on_may_publish(listener);
    return;
  }
  if (!may_reach(listener.asker.uid)) {
    const auto line = "yes " + std::to_string(wish.uid) + " " + std::to_string(wish.port) + " ";
    return log::warning(
        "publish", {{"event", "not-asked"},
                    {"program", wish.program},
                    {"port", wish.port},
                    {"uid", wish.uid},
                    {"why", "this agent may not use another user's terminal"},
                    {"to-permit-it", "write into " + file_ + " the line: " + line + wish.program +
                                         "; and restart the agent"}});
  }
  const auto same = std::find_if(questions_.begin(), questions_.end(), [&](const auto& question) {
    return !(question.wish < wish) && !(wish < question.wish);
  });
  if (same != questions_.end()) return same->listeners.push_back(listener);
  if (questions_.size() >= kMostWaiting)
    return log::warning("publish", {{"event", "not-asked"}, {"why", "too many questions wait"}});
  // It may have been told of long ago, to an earlier process: another one may have that number now.
  const bool still_it = program_of(listener.asker.pid) == listener.program;
  questions_.push_back({wish, {listener}, still_it ? listener.asker.pid : 0});
  if (!watch_) put_next();
}

void PublishConsent::forget(const ProgramListener& gone) {
  for (auto& question : questions_)
    std::erase_if(question.listeners,
                  [&](const auto& listener) { return listener.cookie == gone.cookie; });
}

void PublishConsent::put_next() {
  while (!questions_.empty() && !watch_) {
    if (!questions_.front().listeners.empty() && start_prompt(questions_.front())) return;
    questions_.pop_front();
  }
}

bool PublishConsent::start_prompt(const Question& question) {
  const auto command = own_directory() + "/culvert";
  std::array<std::string, 5> words{command, std::string(kPromptVerb), std::to_string(question.pid),
                                   std::to_string(question.wish.port), question.wish.program};
  std::array<char*, 6> argv{};
  std::transform(words.begin(), words.end(), argv.begin(), [](auto& word) { return word.data(); });
  const int error =
      ::posix_spawn(&prompt_pid_, command.c_str(), nullptr, nullptr, argv.data(), environ);
  if (error == 0) prompt_.reset(static_cast<int>(::syscall(SYS_pidfd_open, prompt_pid_, 0)));
  if (error != 0 || !prompt_) {
    log::warning("publish", {{"event", "not-asked"}, {"why", std::strerror(error)}});
    return false;
  }
  watch_.emplace(loop_, prompt_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/true, /*writable=*/false);
  return true;
}

void PublishConsent::on_fd_ready(loop::FdWatch&, bool, bool) {
  int status = 0;
  if (::waitpid(prompt_pid_, &status, WNOHANG) == 0) return;
  watch_->stop_and_close(prompt_);
  watch_.reset();
  const int answer = WIFEXITED(status) ? WEXITSTATUS(status) : kPromptNobody;
  answered(answer == kPromptYes  ? std::optional(true)
           : answer == kPromptNo ? std::optional(false)
                                 : std::nullopt);
}

void PublishConsent::answered(std::optional<bool> granted) {
  const auto question = std::move(questions_.front());
  questions_.pop_front();
  log::info("publish", {{"event", granted ? *granted ? "granted" : "denied" : "nobody-answered"},
                        {"program", question.wish.program},
                        {"port", question.wish.port},
                        {"uid", question.wish.uid},
                        {"remembered-in", granted ? file_ : "-"}});
  if (granted) {
    decisions_.remember(question.wish, *granted);
    if (const auto saved = write_state_file(file_, decisions_.snapshot()); !saved)
      log::warning("publish", {{"event", "not-remembered"}, {"why", saved.error().detail}});
  }
  if (granted && *granted)
    for (const auto& listener : question.listeners) listener_.on_may_publish(listener);
  put_next();
}

}  // namespace culvert::agent
