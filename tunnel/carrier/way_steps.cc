#include "tunnel/carrier/way_steps.h"

namespace culvert::carrier {
namespace {

bool speaks_http(ProxyKind kind) { return kind == ProxyKind::kHttp || kind == ProxyKind::kHttps; }

}  // namespace

std::vector<WayStep> steps_of(const Way& way) {
  std::vector<WayStep> steps;
  const auto reach = [&](const Proxy& proxy) {
    if (proxy.kind == ProxyKind::kHttps) steps.push_back({LayerKind::kTls, &proxy, proxy.at});
  };
  if (way.proxy) {
    const auto& chain = way.proxy->before;
    for (std::size_t i = 0; i < chain.size(); ++i) {
      reach(chain[i]);
      const auto& next = i + 1 < chain.size() ? chain[i + 1] : *way.proxy;
      const auto kind = speaks_http(chain[i].kind) ? LayerKind::kHttpConnect : LayerKind::kSocks;
      steps.push_back({kind, &chain[i], next.at});
    }
    reach(*way.proxy);
  }
  for (const auto kind : way.recipe->layers) {
    const bool asks_proxy = kind == LayerKind::kHttpConnect || kind == LayerKind::kSocks;
    steps.push_back({kind, asks_proxy ? &*way.proxy : nullptr, way.service});
  }
  return steps;
}

}  // namespace culvert::carrier
