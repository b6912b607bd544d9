// tunnel/carrier/way_steps.h: the conversations of a way, in order: those with the proxies that
// lead to its proxy, then the layers of its recipe. A value; who holds them is carrier_dial.h.
#pragma once
#include <vector>

#include "tunnel/carrier/way.h"

namespace culvert::carrier {

struct WayStep {
  LayerKind kind;
  const Proxy* with;  // borrowed from the way; null: the service
  HostPort target;    // what a proxy is asked for; in kTls: whose certificate is shown
};

std::vector<WayStep> steps_of(const Way& way);

}  // namespace culvert::carrier
