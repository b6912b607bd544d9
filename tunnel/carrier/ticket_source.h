// tunnel/carrier/ticket_source.h: INTERFACE of what gets tickets for Negotiate (RFC 4559): it may
// have to ask a key distribution centre, so it answers when it can.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "tunnel/base/result.h"

namespace culvert::carrier {

class TicketSource {
 public:
  class Listener {
   public:
    // In base64, for one login of one connection; a secret. Called once for ask() and for each
    // go_on(), never from inside them; may destroy the question. kAuthentication says why there is
    // none, for people.
    virtual void on_ticket(Result<std::string> ticket) = 0;

   protected:
    ~Listener() = default;
  };
  class Question {  // destroying it takes it back
   public:
    // The far side's answer to the last message, in base64: what is said to that, on the same
    // connection? Only once the last message has been told.
    virtual void go_on(const std::string& answer) = 0;
    virtual ~Question() = default;
  };

  // For the service HTTP at `host`, as the user that this process runs as.
  virtual std::unique_ptr<Question> ask(const std::string& host, Listener& listener) = 0;
  virtual ~TicketSource() = default;
};

}  // namespace culvert::carrier
