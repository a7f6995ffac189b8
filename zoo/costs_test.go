package zoo

import (
	"strings"
	"testing"
)

func TestIsResult(t *testing.T) {
	t.Parallel()
	for _, result := range strings.Fields("top1 Top-5 acc acc@1 val_acc valAcc top1acc accuracy_test error top1_err AUC auroc f1 mAP score test_score loss throughput images_per_sec img_size batch seed") {
		if !IsResult(result) {
			t.Errorf("%s is taken for a cost", result)
		}
	}
	for _, cost := range strings.Fields("gflops price usd latency_ms score_time params energy_mj tokens bill price_per_image watts memory_mb width topology cost_per_1k fit_time") {
		if IsResult(cost) {
			t.Errorf("%s is taken for a result", cost)
		}
	}
}

// What is called like a cost is a number.
func TestCalledCost(t *testing.T) {
	t.Parallel()
	for column, want := range map[string]bool{
		"price": true, "Cost (USD)": true, "cost_per_1k": true, "latency_ms": true, "gflops": true, "fee": true, "gpu_time": true,
		"family": false, "price_tier": false, "latency_device": false, "runtime": false, "cost_class": false, "params": false,
	} {
		if CalledCost(column) != want {
			t.Errorf("%s: %v", column, !want)
		}
	}
}

// Latencies are in milliseconds.
func TestLatency(t *testing.T) {
	t.Parallel()
	for column, want := range map[string]string{
		"latency_ms": "0.3", "latency_s": "300", "Latency (us)": "0.0003", "latencyNs": "3e-07", "latency µs": "0.0003",
		"latency_device": "", "latency": "unit", "mean_latency": "unit", "latency_p95": "unit", "p95_latency_s": "", "price": "", "time": "",
	} {
		unit, err := Latency(column)
		switch {
		case want == "unit":
			if err == nil || !strings.Contains(err.Error(), "call it latency_ms") {
				t.Errorf("%s: %v, %v", column, unit, err)
			}
		case want == "":
			if unit != 0 || err != nil {
				t.Errorf("%s: %v, %v", column, unit, err)
			}
		default:
			got, failed := Milliseconds("0.3", unit)
			if got != want || err != nil || failed != nil {
				t.Errorf("%s: %q, %v, %v", column, got, err, failed)
			}
		}
	}
	for _, bad := range []string{"", "fast", "-1", "NaN", "Inf"} {
		if got, err := Milliseconds(bad, 1000); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}
