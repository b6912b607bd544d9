// tunnel/carrier/ticket_helper.h: tickets from the program culvert-ticket, which is started for
// each: it alone is linked with Kerberos, which need not be installed, and may wait for a key
// distribution centre until it is killed.
#pragma once
#include "tunnel/carrier/ticket_source.h"
#include "tunnel/loop/loop.h"

namespace culvert::carrier {

// What the program says: "ticket BASE64" or "none REASON", and LF. It is told "answer BASE64" and
// LF for each further message. kAuthentication: none.
Result<std::string> parse_ticket_line(std::string_view line);

class TicketHelper final : public TicketSource {
 public:
  TicketHelper(loop::Loop& loop, std::string program) : loop_(loop), program_(std::move(program)) {}
  std::unique_ptr<Question> ask(const std::string& host, Listener& listener) override;

 private:
  loop::Loop& loop_;
  std::string program_;
};

}  // namespace culvert::carrier
