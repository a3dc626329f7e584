"""Parameters of face search, tracking, identity and the averaging of estimates."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrackingConfig:
    """Parameters of a `FaceTracker`.

    Times are seconds. Lengths are widths of the face's box unless a name says pixels, which are those of the frame.
    Correlations are those of 16x16 patches, similarities those of descriptors, both -1 to 1: two views of a face as in
    a video have a similarity of 0.90 and more, strongly varied ones 0.61 and more, 99 % of different people 0.40 and
    less, and of those alike in gender, race and age 0.63 and less (benchmarks/descriptor.py).

    Args:
        search_seconds: time from one search to the next; a cut or a doubtful face is searched for at once.
        slow_search_seconds: the same of detectors that are slow.
        close_search_seconds: time from one search for small faces to the next.
        large_faces_per_side: width of the smallest face that is not small, as a fraction 1 / n of the frame's longer
            side. Half of it would take four times as long.
        rounding_seconds: how early a search or an estimate may be: rounded times must not cost a frame.
        cut_correlation: correlation of two successive frames, reduced to 32x24, below which a cut lies between them.
            Made pans and zooms have 0.9 and more, cuts 0.3 and less (benchmarks/films.py).
        matching_distance: distance up to which a detection may be a visible face.
        matching_size_ratio: ratio of widths below which it may be.
        duplicate_iou: overlap with a tracked face from which a detection is a second box of it, and an undetected face
            is hidden behind a detected one.
        certain_score: score, relative to the detector's lowest one of 0 to 1, from which a detection is shown at once;
            others after a second detection.
        doubtful_correlation: correlation with the last detection below which its descriptor decides who it is.
        different_correlation: correlation with the last estimate below which a face looks different.
        hidden_correlation: correlation with the last detection below which an undetected face is out of sight.
        undetected_seconds: time for which a face that is not detected, as from behind, stays visible.
        keep_similarity: similarity from which a doubtful face stays who it was.
        return_similarity: similarity from which a face is one that was lost before.
        contrary_similarity: similarity of a clear view below which a face that was never in doubt is somebody else.
        settled_views: estimates after which a face that was never in doubt can turn out to be somebody else. The first
            ones may be of a face that enters the frame.
        clear_quality: quality from which a view is clear: only such a one can tell that a face is somebody else.
        near_return_seconds: time out of sight up to which a poor or a somewhat similar view at the same place is of the
            same face.
        near_return_distance: what "the same place" is.
        extrapolation_seconds: time for which a face out of sight moves on at its last speed.
        lost_seconds: time out of sight after which a track is forgotten.
        candidate_seconds: the same of a face that was never shown.
        maximum_lost_tracks: upper bound of tracks that are kept while out of sight.
        descriptor_views: views over which a track's descriptor is averaged, at most.
        correction_gain: share of a detection's difference by which a box is corrected. Boxes of single detections are
            off by 3 % of the width.
        speed_gain: share of the difference in speed that is corrected per frame.
        estimate_seconds: time from each estimate of a face to the next; the last one for all later ones.
        different_estimate_seconds: the same of a face that looks different from its last estimate.
        estimates_per_search: faces that are estimated at a search because it is time; others wait for the next.
        averaging_seconds: time after which an estimate's weight has fallen to 1 / e; 0 for no averaging.
        averaged_error_share: share of the age's squared error that differs from frame to frame, so that averaging
            removes it: 0.004 for slight changes, 0.05 for strong ones. With 0.05 the interval still covers 80 %
            (benchmarks/evidence.py).
        flow_side_pixels: upper bound of the longer side of the frame on which flow is computed.
        flow_points: points per side of the grid in each box.
        flow_extent: part of the box that the grid covers: skin rather than background.
        flow_window_pixels: side of the Lucas-Kanade window, in the reduced frame.
        flow_pyramid_levels: highest level of the Lucas-Kanade pyramid.
        flow_return_error_pixels: forward-backward error below which a point is an inlier, in the reduced frame.
        flow_inlier_share: share of inliers below which the measured motion is ignored.
        flow_growth: largest relative change of size from one frame to the next.
        patch_color_weight: weight of the mean colour in a patch.
    """

    search_seconds: float = 0.1
    slow_search_seconds: float = 0.2
    close_search_seconds: float = 0.8
    large_faces_per_side: int = 10
    rounding_seconds: float = 0.005
    cut_correlation: float = 0.6
    matching_distance: float = 0.6
    matching_size_ratio: float = 1.7
    duplicate_iou: float = 0.3
    certain_score: float = 0.25
    doubtful_correlation: float = 0.7
    different_correlation: float = 0.75
    hidden_correlation: float = 0.55
    undetected_seconds: float = 1.0
    keep_similarity: float = 0.45
    return_similarity: float = 0.6
    contrary_similarity: float = 0.25
    settled_views: int = 3
    clear_quality: float = 0.68
    near_return_seconds: float = 3.0
    near_return_distance: float = 1.0
    extrapolation_seconds: float = 1.0
    lost_seconds: float = 5.0
    candidate_seconds: float = 0.5
    maximum_lost_tracks: int = 64
    descriptor_views: int = 20
    correction_gain: float = 0.25
    speed_gain: float = 0.3
    estimate_seconds: tuple[float, ...] = (0.1, 0.1, 0.2, 0.4, 1.0)
    different_estimate_seconds: float = 0.25
    estimates_per_search: int = 3
    averaging_seconds: float = 30.0
    averaged_error_share: float = 0.05
    flow_side_pixels: int = 480
    flow_points: int = 5
    flow_extent: float = 0.72
    flow_window_pixels: int = 9
    flow_pyramid_levels: int = 3
    flow_return_error_pixels: float = 1.0
    flow_inlier_share: float = 0.3
    flow_growth: float = 0.1
    patch_color_weight: float = 0.3
