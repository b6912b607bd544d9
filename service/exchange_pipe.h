// service/exchange_pipe.h: one exchange (tunnel/exchange/server.h) as a BytePipe for the session or
// circuit above, and its clock. Lives on for a moment when the pipe is destroyed, so that what was
// written last still arrives, as it would on a TCP connection.
#pragma once
#include <memory>

#include "tunnel/exchange/server.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/timer.h"

namespace culvert::service {

class ExchangePipe;

class Exchange final : private loop::Deferred, private loop::Timer::Listener {
 public:
  class Listener {
   public:
    virtual void on_exchange_over(Exchange& exchange) = 0;  // destroy it, in a later turn

   protected:
    ~Listener() = default;
  };

  Exchange(loop::Loop& loop, const crypto::PublicKey& name, exchange::ExchangeKeys keys,
           Listener& listener);
  ~Exchange() override;

  std::unique_ptr<loop::BytePipe> make_pipe();  // once
  const crypto::PublicKey& name() const { return name_; }
  exchange::Server& server() { return server_; }
  void touched() { schedule(); }  // a request brought or took something

 private:
  friend class ExchangePipe;
  void run_deferred() override;
  void on_timer(loop::Timer& timer) override;
  void left_alone();  // by its pipe
  void arm();

  crypto::PublicKey name_;
  exchange::Server server_;
  Listener& listener_;
  ExchangePipe* pipe_ = nullptr;
  bool alone_ = false, over_ = false;
  TimePoint alone_until_{};
  loop::Timer timer_;
};

class ExchangePipe final : public loop::BytePipe {
 public:
  explicit ExchangePipe(Exchange& exchange) : exchange_(&exchange) {}
  ~ExchangePipe() override;

  loop::IoResult read(MutableBytes into) override;
  loop::IoResult write(Bytes from) override;
  void set_interest(bool readable, bool writable) override;
  void end_writing() override;
  void abort() override;
  const Error* failure() const override;
  int bulk_round_trips() const override { return exchange::kBulkRoundTrips; }

 private:
  friend class Exchange;
  bool has_news() const;
  void tell();  // its listener what is due; may be destroyed by that

  Exchange* exchange_;  // null: aborted, or gone
  bool want_read_ = false, want_write_ = false, wrote_last_ = false, told_broken_ = false;
};

}  // namespace culvert::service
