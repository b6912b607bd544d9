// service/reception.h: from a hello to what it leads to. Has every caller judged (login, enrolment)
// and then hands the connection on: to a session, to a circuit, or out.
#pragma once
#include <unordered_map>

#include "service/enrolment.h"
#include "service/front_door.h"
#include "service/line_budget.h"
#include "service/refusal_memory.h"
#include "service/relay.h"
#include "service/replay_floors.h"
#include "service/sessions.h"

namespace culvert::service {

class Reception final : public FrontDoor::Listener,
                        private Login::Listener,
                        private Enrolment::Listener {
 public:
  struct Context {
    loop::Loop& loop;
    const Config& config;
    const crypto::SigningKeyPair& signing;
    Store& store;
    ReplayFloors& floors;
    Sessions& sessions;
    Relay& relay;
  };

  explicit Reception(const Context& context) : context_(context) {}
  void set_front_door(FrontDoor* door) { front_door_ = door; }

 private:
  struct Case {  // one visitor whose hello is being dealt with
    Visitor* visitor = nullptr;
    crypto::PublicKey caller;
    control::Hello hello;
    ByteVector early_frames;
    std::unique_ptr<Login> login;
    std::unique_ptr<Enrolment> enrolment;
    std::optional<Principal> admitted;  // waits for the answer to have been sent
    std::uint8_t aead = 0;
    bool resumes = false;
    bool beside = false;  // then: as its interactive lane
  };
  void on_hello(Visitor& visitor, session::ResponderHandshake::Greeting& greeting) override;
  void on_answered(Visitor& visitor) override;
  void on_visitor_gone(Visitor& visitor) override;
  void on_login(Login& login, Result<Principal> outcome) override;
  void on_enrolled(Enrolment& enrolment, Result<Principal> outcome) override;

  void start_session(Case& one, Principal principal);
  void refuse(Case& one, const Error& why);

  Context context_;
  FrontDoor* front_door_ = nullptr;
  RefusalMemory refusals_;
  LineBudget lines_;  // about these: keys cost nothing
  std::unordered_map<Visitor*, Case> cases_;
  std::unordered_map<const void*, Visitor*> judges_;  // Login or Enrolment of a case
};

}  // namespace culvert::service
