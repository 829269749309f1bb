#include "nn/text.h"
#include "tools/commands/commands.h"

#include "mode/version.h"
#include "nn/safetensors.h"
#include "tools/commands/common.h"

namespace mode::tools {

int run_features(const FeaturesOptions& options) {
  const tensor::Device device = device_of(options.device);
  use_threads(options.threads);
  ensure_writable_file(options.out);
  nn::LoadedModel model = load_usable_model(options.model, {.arch = options.arch, .mean = options.mean, .std = options.std}, device);
  const std::unique_ptr<nn::Dataset> dataset = nn::open_dataset(options.data, model.checkpoint.preprocessing.framing());
  fmt::print("mode features: {} from {}; {}\n", model.net->arch(), options.model, machine_line(device));
  const Features features = features_of(model, *dataset, options.batch, options.data);

  nn::TensorFile file;
  file.tensors = {{"regions", features.regions}, {"labels", features.labels}, {"ids", features.ids}, {"logits", features.logits}};
  std::vector<std::string> scales;
  for (const Scale& scale : features.scales) scales.push_back(scale.name);
  file.metadata = {{"scales", nn::joined(scales)},  {"data", options.data},
                   {"arch", model.net->arch()},     {"weights", nn::content_hash(nn::export_weights(*model.net))},
                   {"device", device_name(device)}, {"commit", std::string(mode::commit())}};
  nn::write_safetensors(options.out, file);
  fmt::print("{}: regions {} f32, logits {} f32, labels and ids ({}) i64; scales: {}\n", options.out, features.regions.shape().to_string(),
             features.logits.shape().to_string(), features.size(), file.metadata["scales"]);
  return 0;
}

}  // namespace mode::tools
