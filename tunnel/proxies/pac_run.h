// tunnel/proxies/pac_run.h: fetches a PAC script and asks it about the service, in a worker process
// of its own (the program culvert-pac) that is killed when it takes too long. The thin edge: the
// script never runs in this process.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tunnel/loop/child_process.h"
#include "tunnel/loop/timer.h"
#include "tunnel/proxies/pac_answer.h"
#include "tunnel/proxies/pac_frames.h"

namespace culvert::proxies {

// How the layers below see the resolver above them.
class NameLookup {
 public:
  class Answer {
   public:
    virtual void on_looked_up(const std::string& ipv4) = 0;  // empty: it does not resolve

   protected:
    ~Answer() = default;
  };
  // At most one at a time; the answer comes later, never from inside.
  virtual void look_up(const std::string& host, Answer& answer) = 0;
  virtual void forget() = 0;  // the answer is not wanted any more

 protected:
  ~NameLookup() = default;
};

class PacRun final : private loop::ChildProcess::Listener,
                     private loop::Timer::Listener,
                     private NameLookup::Answer {
 public:
  static constexpr std::chrono::seconds kFetchLimit{6}, kRunLimit{2};

  class Listener {
   public:
    // Once, never from the constructor; may destroy the run. Fails with what to tell people. A
    // script that does not run but names proxies in its text gives those.
    virtual void on_pac_answer(PacRun& run, Result<PacAnswer> answer) = 0;

   protected:
    ~Listener() = default;
  };

  struct Question {
    std::string script_url;
    std::string host;  // of the service
    std::uint16_t port = 443;
    std::string own_address;  // what myIpAddress() gives
  };
  // `worker` is the program's path.
  PacRun(loop::Loop& loop, const std::string& worker, Question question, NameLookup& names,
         Listener& listener);
  ~PacRun();
  const Question& question() const { return question_; }

 private:
  void on_child_output(loop::ChildProcess& child, Bytes output) override;
  void on_child_ended(loop::ChildProcess& child) override;
  void on_timer(loop::Timer& timer) override;
  void on_looked_up(const std::string& ipv4) override;
  Result<bool> take(const PacFrame& frame);  // true: that was the last
  void finish(Result<PacAnswer> answer);

  Question question_;
  NameLookup& names_;
  Listener& listener_;
  std::optional<loop::ChildProcess> child_;
  loop::Timer timer_;
  std::string input_;
  std::size_t urls_asked_ = 0, answered_ = 0;
  bool running_ = false, looking_up_ = false;
  PacAnswer answer_;
  std::string why_not_;
  std::optional<Error> early_failure_;
};

}  // namespace culvert::proxies
