// agent/publish_consent.h: whether a program's listener may be published: by the policy, by what
// was answered before, or by asking now. The question is put by a process of its own
// (prompt_command.h), one at a time; the program goes on meanwhile, unpublished.
#pragma once
#include <deque>
#include <optional>

#include "agent/config.h"
#include "agent/listener_watch.h"
#include "agent/publish_decisions.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::agent {

class PublishConsent final : private loop::FdWatch::Listener {
 public:
  static constexpr std::size_t kMostWaiting = 64;  // questions; programs beyond are not published

  class Listener {
   public:
    virtual void on_may_publish(const ProgramListener& listener) = 0;

   protected:
    ~Listener() = default;
  };

  // `file` remembers the answers.
  PublishConsent(loop::Loop& loop, const PublishPolicy& policy, std::string file,
                 Listener& listener);
  Result<void> load();
  // The listener is told now, later, or never.
  void ask(const ProgramListener& listener);
  void forget(const ProgramListener& listener);  // it is gone

 private:
  struct Question {
    PublishWish wish;
    std::deque<ProgramListener> listeners;  // pre-fork servers have several sockets
    pid_t pid = 0;
  };
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;
  void put_next();
  bool start_prompt(const Question& question);
  void answered(std::optional<bool> granted);

  loop::Loop& loop_;
  const PublishPolicy& policy_;
  std::string file_;
  Listener& listener_;
  PublishDecisions decisions_;
  std::deque<Question> questions_;  // the first is being put while prompt_ is there
  pid_t prompt_pid_ = 0;
  UniqueFd prompt_;
  std::optional<loop::FdWatch> watch_;
};

}  // namespace culvert::agent
