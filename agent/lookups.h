// agent/lookups.h: questions to the service's directory that wait for an answer. Several askers of
// the same name share one question. Does no I/O and reads no clock.
#pragma once
#include <list>
#include <map>
#include <string>
#include <vector>

#include "tunnel/base/time.h"
#include "tunnel/control/messages.h"

namespace culvert::agent {

class Lookups;

// One asker's wait. Destroying it forgets the question.
class LookupRequest {
 public:
  class Listener {
   public:
    // kEndpoint: the certificate as it came, unverified. kOrdinary: empty. kTryAgain also when
    // nobody answered in time. Never from inside Lookups::ask(); may destroy the request.
    virtual void on_looked_up(LookupRequest& request, Result<ByteVector> answer) = 0;

   protected:
    ~Listener() = default;
  };

  explicit LookupRequest(Listener& listener) : listener_(listener) {}
  LookupRequest(const LookupRequest&) = delete;
  LookupRequest& operator=(const LookupRequest&) = delete;
  ~LookupRequest();

 private:
  friend class Lookups;
  Listener& listener_;
  std::list<LookupRequest*>* waiting_in_ = nullptr;
  std::list<LookupRequest*>::iterator self_{};
};

class Lookups {
 public:
  static constexpr std::size_t kMost = 4096;  // different names at once
  static constexpr std::chrono::seconds kLimit{10};

  // kExhausted: too many. The answer comes by `deadline`, as kTryAgain if there is none.
  Result<void> ask(control::Lookup::Kind kind, const std::string& name, TimePoint deadline,
                   LookupRequest& request);

  std::vector<control::Lookup> take_unsent();  // to be sent now: the session is up
  void session_lost();                         // all of them have to be sent again
  // Numbers are not used a second time in a session, by a later process either.
  std::uint32_t next_query() const { return next_query_; }
  void number_from(std::uint32_t next_query) { next_query_ = next_query; }
  void answered(const control::Found& found);
  std::optional<TimePoint> next_deadline() const;
  void tick(TimePoint now);  // ends those whose time has come

 private:
  struct Question {
    control::Lookup lookup;
    TimePoint deadline;
    bool sent = false;
    std::list<LookupRequest*> waiting;
  };
  using Questions = std::map<std::uint32_t, Question>;
  void finish(Questions::iterator question, const Result<ByteVector>& answer);

  Questions questions_;
  std::uint32_t next_query_ = 1;
};

}  // namespace culvert::agent
