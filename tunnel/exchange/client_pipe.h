// tunnel/exchange/client_pipe.h: a client's exchange (client.h) on real connections, as a BytePipe.
// Decides nothing: it dials what the exchange asks for, and moves octets.
//
// A pipe that is destroyed or aborted says so to the service if a connection takes it at once;
// otherwise the service finds out by itself after 40 s.
#pragma once
#include <map>
#include <memory>

#include "tunnel/exchange/client.h"
#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/timer.h"

namespace culvert::exchange {

// Makes connections to whoever takes the requests. Destroying it drops the dials under way.
class LaneSource {
 public:
  class Listener {
   public:
    // Once for each dial(), never from inside it. Null: `why` it failed.
    virtual void on_lane(std::unique_ptr<loop::BytePipe> pipe, const Error& why) = 0;

   protected:
    ~Listener() = default;
  };
  virtual void dial(Listener& listener) = 0;
  virtual ~LaneSource() = default;
};

class ClientPipe final : public loop::BytePipe,
                         private LaneSource::Listener,
                         private loop::Timer::Listener,
                         private loop::Deferred {
 public:
  // `notes`: where what the exchange has learned is kept; may be null.
  ClientPipe(loop::Loop& loop, std::unique_ptr<Client> client,
             std::unique_ptr<loop::BytePipe> first_lane, std::unique_ptr<LaneSource> lanes,
             std::shared_ptr<Capabilities> notes = nullptr);
  ~ClientPipe() override;

  loop::IoResult read(MutableBytes into) override;
  loop::IoResult write(Bytes from) override;
  void set_interest(bool readable, bool writable) override;
  void end_writing() override;
  void abort() override;
  const Error* failure() const override;
  int bulk_round_trips() const override { return kBulkRoundTrips; }

  const Client& client() const { return *client_; }

 private:
  struct Lane;
  void on_lane(std::unique_ptr<loop::BytePipe> pipe, const Error& why) override;
  void on_timer(loop::Timer& timer) override;
  void run_deferred() override;
  void add_lane(std::unique_ptr<loop::BytePipe> pipe);
  void read_lane(Lane& lane);
  void lane_broke(Lane& lane, int error);
  void flush(Lane& lane);
  void move_lanes();
  void take_leave(ErrorCode why);
  bool has_news() const;
  bool read_due() const { return want_read_ && !told_readable_ && has_news(); }
  bool write_due() const { return want_write_ && !told_writable_ && client_->room() != 0; }

  std::unique_ptr<Client> client_;
  std::unique_ptr<LaneSource> source_;
  std::shared_ptr<Capabilities> notes_;
  std::map<LaneId, std::unique_ptr<Lane>> lanes_;
  LaneId next_lane_ = 1;
  bool want_read_ = false, want_write_ = false;
  bool told_readable_ = false, told_writable_ = false;  // told_, who has not acted on it yet
  const BytePipe::Listener* told_ = nullptr;
  bool told_broken_ = false, left_ = false;
  loop::Timer timer_;
  std::optional<TimePoint> armed_for_;
};

}  // namespace culvert::exchange
